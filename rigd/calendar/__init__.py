"""Knows the exchange's sessions and the strategies' windows, in UTC."""
