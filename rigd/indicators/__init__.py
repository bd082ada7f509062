"""Compute causal indicators from arrays of bars; no bar sees a later one."""
