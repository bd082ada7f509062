"""What is asked of a session, as values that travel through files and notebook parameters."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rigd.core.errors import ConfigError
from rigd.core.values import require_symbol

MAX_SPEED = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """One session to run.

    Parameters
    ----------
    data
        Folder of bar files; blank for the built-in sample.
    day
        The exchange day; None for the sample's own.
    symbols
        What to trade; empty for the sample's own.
    bar_stamp
        Whether a file's stamps are bar starts or ends: ``start`` or ``end``.
    overrides
        Settings that differ from the bot's for this session, as (key, text).
    speed
        Market seconds per second; 0 for as fast as possible.
    test_mode
        Whether it is a dry run: latched from its flag when it was launched, never asked otherwise.
    universe
        Version of the published universe that the symbols were taken from; blank for none. On the
        command line also ``latest`` or a stamp: `rigd.hosts.universe.applied` resolves it.

    Raises
    ------
    ConfigError
        If a value has another form.
    """

    data: str = ""
    day: date | None = None
    symbols: tuple[str, ...] = ()
    bar_stamp: str = "start"
    overrides: tuple[tuple[str, str], ...] = ()
    speed: float = 0.0
    test_mode: bool = False
    universe: str = ""

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            require_symbol(symbol)
        if len(set(self.symbols)) < len(self.symbols):
            msg = f"symbols must be named once each, was {','.join(self.symbols)}"
            raise ConfigError(msg)
        if self.bar_stamp not in {"start", "end"}:
            msg = f"bar stamp must be 'start' or 'end', was {self.bar_stamp!r}"
            raise ConfigError(msg)
        if not 0.0 <= self.speed <= MAX_SPEED:
            msg = f"speed must be 0 (as fast as possible) to {MAX_SPEED:.0f}, was {self.speed}"
            raise ConfigError(msg)
        named = bool(self.symbols or self.universe)
        if self.data and (self.day is None or not named):
            msg = "a session on bar files must name its day and its symbols"
            raise ConfigError(
                msg, fix="add --date YYYY-MM-DD and --symbols A,B, or --universe latest"
            )

    def to_json(self) -> str:
        """Return the request as JSON with sorted keys."""
        values = asdict(self)
        values["day"] = self.day.isoformat() if self.day else ""
        return json.dumps(values, sort_keys=True)

    def command_line(self) -> str:
        """Return the command that asks for this session."""
        options = [
            ("--data", self.data),
            ("--date", self.day.isoformat() if self.day else ""),
            ("--symbols", ",".join(self.symbols)),
            ("--universe", self.universe),
            ("--bar-stamp", "" if self.bar_stamp == "start" else self.bar_stamp),
            ("--speed", f"{self.speed:g}" if self.speed else ""),
            *(("--set", f"{key}={value}") for key, value in self.overrides),
        ]
        given = (f"{name} {shlex.quote(value)}" for name, value in options if value)
        return " ".join(("rigd session", *given))

    @classmethod
    def from_json(cls, text: str) -> SessionRequest:
        """Return the request that `to_json` wrote; anything else raises ConfigError."""
        try:
            values: dict[str, Any] = json.loads(text)
            return cls(
                data=str(values["data"]),
                day=date.fromisoformat(values["day"]) if values["day"] else None,
                symbols=tuple(values["symbols"]),
                bar_stamp=str(values["bar_stamp"]),
                overrides=tuple((str(key), str(value)) for key, value in values["overrides"]),
                speed=float(values["speed"]),
                test_mode=bool(values.get("test_mode", False)),
                universe=str(values.get("universe", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"a session request must be what rigd wrote, found {error!r}"
            raise ConfigError(msg) from error
