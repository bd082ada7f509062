"""Holds validated, frozen settings."""
