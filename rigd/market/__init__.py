"""Deliver bars, quotes and the VIX of one session as values, and fill against bars."""
