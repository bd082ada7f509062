"""Whole days with faults through the code that trades, checked by an independent oracle."""
