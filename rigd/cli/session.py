"""``rigd session``: run one session, show its progress, print its summary."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.cli.console import CLOCK, IDS, open_home, say, say_json
from rigd.core.errors import ConfigError, ExitCode, Problem
from rigd.core.events import SessionStarted
from rigd.core.money import plain
from rigd.hosts.launch import Launcher
from rigd.hosts.request import SessionRequest
from rigd.hosts.universe import applied
from rigd.reporting.session_summary import SummaryInputs, session_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.hosts.launch import Ended, Progress

EVERY_MINUTES = 60
"""How often a line is printed where there is no terminal [market minutes]."""


def run(
    *,
    data: str,
    day: str,
    symbols: str,
    bar_stamp: str,
    changes: Sequence[str],
    speed: float,
    universe: str = "",
    supervised: bool = False,
    as_json: bool,
) -> int:
    """Run one session; return the process's exit code.

    Parameters
    ----------
    data, day, symbols, bar_stamp, changes, speed, supervised, universe, as_json
        The options as typed.

    Returns
    -------
    int
        0 after a normal end or a stop.
    """
    request = parse_request(
        data=data,
        day=day,
        symbols=symbols,
        bar_stamp=bar_stamp,
        changes=changes,
        speed=speed,
        universe=universe,
    )
    home = open_home()
    if request.universe:
        request = applied(home, request)
    shown = ProgressBar(quiet=as_json)
    ended = Launcher(home, CLOCK, IDS, shown.update, supervised=supervised).launch(request)
    shown.close()
    if as_json:
        say_json(as_fields(ended))
    else:
        _print(ended, str(home.root))
    return ended.exit_code


def parse_request(
    *,
    data: str,
    day: str,
    symbols: str,
    bar_stamp: str,
    changes: Sequence[str],
    speed: float,
    universe: str = "",
) -> SessionRequest:
    """Return what the options ask for.

    Parameters
    ----------
    data, day, symbols, bar_stamp, changes, speed, universe
        The options as typed.

    Returns
    -------
    SessionRequest
        Checked as far as it can be without settings and bars.

    Raises
    ------
    ConfigError
        If an option is malformed.
    """
    overrides = pairs_of(changes, source="--set")
    return SessionRequest(
        data=str(Path(data).expanduser().absolute()) if data else "",
        day=_day(day),
        symbols=tuple(text.strip().upper() for text in symbols.split(",") if text.strip()),
        bar_stamp=bar_stamp,
        overrides=overrides,
        speed=speed,
        universe=universe.strip(),
    )


def pairs_of(texts: Sequence[str], *, source: str) -> tuple[tuple[str, str], ...]:
    """Return key and value of each ``KEY=VALUE``.

    Parameters
    ----------
    texts
        As typed.
    source
        Where they were typed, for messages.

    Returns
    -------
    tuple of (str, str)
        In the order typed.

    Raises
    ------
    ConfigError
        If a text has no ``=``, or a key is named twice.
    """
    problems = [
        Problem(source, f"expected KEY=VALUE, found {text!r}") for text in texts if "=" not in text
    ]
    pairs = [text.partition("=") for text in texts]
    named = [key.strip() for key, _, _ in pairs]
    problems += [
        Problem(source, f"{key} must be set once, found {named.count(key)} times")
        for key in dict.fromkeys(named)
        if named.count(key) > 1
    ]
    if problems:
        msg = "options must be well formed"
        raise ConfigError(msg, problems=problems)
    return tuple((key.strip(), value) for key, _, value in pairs)


class ProgressBar:
    """A bar on a terminal, plain lines elsewhere, nothing when quiet.

    Parameters
    ----------
    quiet
        Print nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._last = -EVERY_MINUTES

    def update(self, progress: Progress) -> None:
        """Show where the session stands."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(progress)
        elif progress.minute >= self._last + EVERY_MINUTES:
            self._last = progress.minute
            text = f"minute {progress.minute} of {progress.minutes}: {progress.state}"
            sys.stderr.write(f"{text}, {progress.trades} trades\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm  # noqa: PLC0415 - only where there is a terminal

            self._bar = tqdm(total=progress.minutes, unit="min", leave=False)
        self._bar.n = min(progress.minute, progress.minutes)
        self._bar.set_postfix_str(f"{progress.state}, {progress.trades} trades")


def as_fields(ended: Ended) -> dict[str, Any]:
    """Return how a session ended as one JSON object."""
    closed = ended.closed
    return {
        "record": str(ended.folder),
        "exit_code": ended.exit_code,
        "state": closed.state.value if closed else "",
        "status": closed.status if closed else "",
        "exit_reason": closed.exit_reason if closed else "",
        "trades": closed.trades if closed else 0,
        "signals": closed.signals if closed else 0,
        "realised_pnl": plain(closed.realised_pnl) if closed else "",
        "books": ended.books,
        "warnings": list(ended.warnings),
        "message": ended.message,
        "seal": ended.seal,
    }


def _print(ended: Ended, root: str) -> None:
    if ended.closed is None:
        sys.stderr.write(f"error: {ended.message}\n")
        sys.stderr.write("next: run it again with the same options, it is taken up; rigd doctor\n")
        return
    record = str(ended.folder).removeprefix(root).lstrip("/")
    steps = ["rigd verify latest", "rigd why SYMBOL"]
    if isinstance(started := ended.entries[0].record, SessionStarted) and started.test_mode:
        steps = [f"rigd verify {ended.folder}", f"rigd review {ended.folder}"]
    if ended.exit_code == ExitCode.HALTED:
        steps.insert(0, "look into the loss, then: rigd risk reset --reason '…'")
    inputs = SummaryInputs(
        books=ended.books,
        record=f"{record}/ (session.ipynb, report.html), seal {ended.seal[:16]}",
        warnings=ended.warnings,
        next_steps=tuple(steps),
    )
    say(session_summary(ended.entries, inputs))


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"--date must be YYYY-MM-DD, was {text!r}"
        raise ConfigError(msg) from None
