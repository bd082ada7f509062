"""Tests of rigd.config."""
