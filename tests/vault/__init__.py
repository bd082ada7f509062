"""Tests of rigd.vault."""
