"""Turns the journal into files and messages: trades, summary, logs, status, report."""
