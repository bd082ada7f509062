"""Vetoes entries, with a reason."""
