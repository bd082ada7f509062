"""Sizes, limits, halts. Every check here fails closed."""
