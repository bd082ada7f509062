"""Builds the concrete parts and runs one strategy definition in one setting."""
