"""Picks candidates: sorts the strategies' scores into a ranked pool."""
