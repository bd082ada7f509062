"""Parses arguments and calls one host; imports nothing heavy before a command runs."""
