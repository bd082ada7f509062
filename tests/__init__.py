"""Tests mirror `rigd/`, one file per module."""
