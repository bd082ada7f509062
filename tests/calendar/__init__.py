"""Tests of rigd.calendar."""
