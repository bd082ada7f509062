"""What is asked for: which keys take which values, and what each key changes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rigd.config.strategies import TRIGGER_KEYS
from rigd.core.errors import ConfigError
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OFF = "off"
"""How a level that is switched off is written; a blank setting."""

MAX_VALUES = 10_000
"""Values of one key."""

MAX_COMBINATIONS = 5_000_000
"""Combinations of a grid, so that its results stay within memory."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One key with its values.

    Parameters
    ----------
    key
        A key of the settings, such as STRAT_OPEN_BUFFER.
    levels
        Its values as they stand in a settings file; blank is off.
    """

    key: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one strategy by what they change.

    Parameters
    ----------
    entry
        Keys that decide the entry: window, trigger, mode, side.
    time, stop, target
        The key of the time exit, the hard stop and the target.
    trail
        Keys of the trailing stop.
    """

    entry: tuple[str, ...]
    time: str
    stop: str
    target: str
    trail: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every key that a grid may change."""
        return (*self.entry, self.stop, *self.trail, self.time, self.target)


def keys_of(strategy: str) -> Keys:
    """Return the keys that a sweep of a strategy may change.

    Parameters
    ----------
    strategy
        open, mid or close.

    Returns
    -------
    Keys
        By what they change.

    Raises
    ------
    ConfigError
        If there is no such strategy; names the nearest.
    """
    if strategy not in STRATEGIES:
        near = difflib.get_close_matches(strategy, STRATEGIES, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"strategy must be one of {', '.join(STRATEGIES)}, was {strategy!r}{hint}"
        raise ConfigError(msg)
    name = strategy.upper()
    mode = ("STRAT_CLOSE_MODE",) if strategy == "close" else ()
    return Keys(
        entry=(
            f"START_TIME_{name}",
            f"{name}_ANALYSIS_TIME",
            f"{name}_BREAKOUT_TIME",
            TRIGGER_KEYS[strategy],
            *mode,
            f"SHORT_TYPE_{name}",
        ),
        time=f"{name}_MONITORING_TIME",
        stop=f"STOP_PCT_{name}",
        target=f"TARGET_PCT_{name}",
        trail=(
            f"TRAIL_PCT_{name}",
            "TRADING_TRAILING_STOP_PCT",
            "TRAIL_TIGHTENING_FACTOR",
            "TRAIL_TIGHTENING_BUFFER_S",
            "TRAIL_ATR_MULT",
            "TRAIL_ATR_PERIOD",
        ),
    )


def parse_axis(text: str) -> Axis:
    """Return an axis as the command line writes it.

    Parameters
    ----------
    text
        ``KEY=a,b,c`` or ``KEY=low:high:step``, both ends included; ``off`` is a blank setting.

    Returns
    -------
    Axis
        The values in the order given.

    Raises
    ------
    ConfigError
        If the text has another form.
    """
    key, equals, values = text.partition("=")
    if not equals or not key.strip():
        msg = f"--grid must be KEY=a,b,c or KEY=low:high:step, was {text[:60]!r}"
        raise ConfigError(msg)
    if values.count(":") == 2 and "," not in values:
        return Axis(key.strip(), _range(key.strip(), values))
    return _axis(key.strip(), values.split(","))


def axes_from(grid: Mapping[str, object] | Iterable[str] | str) -> tuple[Axis, ...]:
    """Return the axes of a grid, from a notebook's mapping or from the command line's texts.

    Parameters
    ----------
    grid
        ``{"STOP_PCT_OPEN": [0.01, None]}``, where None is off and a text is read as on the command
        line; or texts as `parse_axis` takes them, or one text with ``;`` between them.

    Returns
    -------
    tuple of Axis
        In the order given.

    Raises
    ------
    ConfigError
        If a value has no known form.
    """
    if isinstance(grid, str):
        grid = [text for text in grid.split(";") if text.strip()]
    if not isinstance(grid, Mapping):
        return tuple(parse_axis(str(text)) for text in grid)
    axes = []
    for key, values in grid.items():
        if isinstance(values, str):
            axes.append(parse_axis(f"{key}={values}"))
        else:
            listed = list(values) if hasattr(values, "__iter__") else [values]
            axes.append(_axis(key, [OFF if v is None else _text(v) for v in listed]))
    return tuple(axes)


def require_axes(strategy: str, axes: Sequence[Axis], more: Sequence[str] = ()) -> None:
    """Refuse a grid with an unknown or repeated key, no value, or more than memory holds.

    Parameters
    ----------
    strategy
        Whose keys may change.
    axes
        The grid.
    more
        Keys that may change beside the strategy's.

    Raises
    ------
    ConfigError
        Names the nearest key.
    """
    known = (*keys_of(strategy).all, *more)
    for axis in axes:
        if axis.key not in known:
            near = difflib.get_close_matches(axis.key.upper(), known, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"{axis.key} is no key that a sweep of {strategy} can change{hint}"
            raise ConfigError(msg, fix=f"the keys are {', '.join(known)}")
        if not 1 <= len(axis.levels) <= MAX_VALUES:
            msg = f"{axis.key} must have 1 to {MAX_VALUES} values, had {len(axis.levels)}"
            raise ConfigError(msg)
        if len(set(axis.levels)) < len(axis.levels):
            msg = f"{axis.key} must name each value once, was {', '.join(axis.levels)}"
            raise ConfigError(msg)
    keys = [axis.key for axis in axes]
    if not keys or len(set(keys)) < len(keys):
        msg = f"a grid must name each key once and at least one, named {', '.join(keys) or 'none'}"
        raise ConfigError(msg, fix=f"the keys are {', '.join(known)}")
    count = math.prod(len(axis.levels) for axis in axes)
    if count > MAX_COMBINATIONS:
        msg = f"a grid must have at most {MAX_COMBINATIONS} combinations, had {count}"
        raise ConfigError(msg, fix="make a step coarser, or sweep it in parts")


def _axis(key: str, values: Iterable[str]) -> Axis:
    return Axis(key, tuple("" if value.strip() == OFF else value.strip() for value in values))


def _range(key: str, text: str) -> tuple[str, ...]:
    try:
        low, high, step = (Decimal(part) for part in text.split(":"))
    except InvalidOperation:
        msg = f"{key} must be low:high:step in numbers, was {text[:60]!r}"
        raise ConfigError(msg) from None
    if not (low.is_finite() and high.is_finite() and step.is_finite()):
        msg = f"{key} must run over finite numbers, was {text[:60]!r}"
        raise ConfigError(msg)
    if step <= 0 or high < low or (high - low) / step >= MAX_VALUES:
        msg = f"{key} must run upwards in at most {MAX_VALUES} steps, was {text[:60]!r}"
        raise ConfigError(msg)
    return tuple(str(low + step * number) for number in range(int((high - low) / step) + 1))


def _text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
