"""Retry on our own clock, so that a simulated day repeats itself."""
