"""Tests of the package that speaks to the one broker."""
