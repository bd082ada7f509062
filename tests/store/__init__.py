"""Tests of the package that owns every file."""
