"""Bars for the tests of strategies: the real days, and seeded synthetic ones."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from rigd.core.values import Bar
from tests.shared import shared_path

NEW_YORK = ZoneInfo("America/New_York")
PRICES = ("open", "high", "low", "close", "volume")
SPANS = {
    "SPY": "SPY_trade_20131004_20131008",
    "IBM": "IBM_trade_20131004_20131008",
    "BAC": "BAC_trade_20131004_20131008",
    "TWX": "TWX_trade_20140605_20140609",
    "FOXA": "FOXA_trade_20130701_20130702",
    "SPY_2011": "SPY_ninjatrader_2011-01",
}


@cache
def days_of(name):
    """Return {ISO date: regular bars} of one file; the one of 2011 is stamped at bar ends."""
    shift = 1 if name == "SPY_2011" else 0
    days = {}
    path = shared_path("data", "equity_minute", f"{SPANS[name]}.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            stamp = datetime.fromisoformat(row["ts_utc"]).astimezone(NEW_YORK)
            minute = (stamp.hour - 9) * 60 + stamp.minute - 30 - shift
            if 0 <= minute < 390:
                day = days.setdefault(stamp.date().isoformat(), [])
                day.append(Bar(minute, *(float(row[part]) for part in PRICES)))
    return days


def real_days():
    """Return every real day of the shared minute files, as a list of lists of bars."""
    return [bars for name in SPANS for bars in days_of(name).values()]


def synthetic_days(seed, count):
    """Return seeded days with jumps, missing minutes, runs of missing minutes and cut ends."""
    rng = np.random.default_rng(seed)
    return [_synthetic_day(rng) for _ in range(count)]


def _synthetic_day(rng):
    steps = rng.normal(0.0, 8e-4, 390) + (rng.random(390) < 0.02) * rng.normal(0.0, 0.01, 390)
    close = rng.uniform(3.0, 250.0) * np.exp(np.cumsum(steps))
    gap = rng.normal(0.0, 3e-4, 390) + (rng.random(390) < 0.03) * rng.normal(0.0, 0.008, 390)
    opened = np.roll(close, 1) * np.exp(gap)
    opened[0] = close[0]
    wide = rng.exponential(4e-4, (2, 390))
    high = np.maximum(opened, close) * (1.0 + wide[0])
    low = np.minimum(opened, close) * (1.0 - wide[1])
    there = rng.random(390) >= rng.choice([0.0, 0.02, 0.15, 0.3])
    for start in rng.integers(0, 390, rng.integers(0, 4)):
        there[start : start + rng.integers(2, 15)] = False
    if rng.random() < 0.2:
        there[rng.integers(20, 390) :] = False
    volume = rng.integers(1, 60, 390) * 100.0
    columns = np.round(np.stack([opened, high, low, close]), 2).T
    return [
        Bar(minute, *columns[minute].tolist(), float(volume[minute]))
        for minute in range(390)
        if there[minute]
    ]


def inverse_of(bars, seed, missing=0.1):
    """Return the bars of a fund that moves against a symbol, with minutes of its own missing.

    Prices are 2500 over the symbol's: highs become lows; volumes are its own.
    """
    rng = np.random.default_rng(seed)
    there = rng.random(len(bars)) >= missing
    volumes = rng.integers(1, 40, len(bars)) * 50.0
    return [
        Bar(
            bar.minute,
            *(round(2500.0 / price, 4) for price in (bar.open, bar.low, bar.high, bar.close)),
            float(volume),
        )
        for bar, volume, present in zip(bars, volumes, there, strict=True)
        if present
    ]


def flat(minutes, price=100.0, volume=100.0):
    """Return quiet bars at one price on the given minutes."""
    return [Bar(minute, price, price, price, price, volume) for minute in minutes]
