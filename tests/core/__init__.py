"""Tests of `rigd.core`."""
