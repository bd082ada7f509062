"""Bounds in seconds on a machine that has other things to do as well."""

from __future__ import annotations

import os


def within(seconds: float, limit: float) -> bool:
    """Tell whether something took at most its limit, stretched by how overloaded the machine is.

    The limits are those of a machine that is free: with more runnable processes than processors
    everything takes longer by that factor, and the figure that the test prints says how long.
    """
    return seconds <= limit * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
