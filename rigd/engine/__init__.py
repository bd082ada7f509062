"""Runs one session: pipeline, order machine, portfolio, recovery, closing."""
