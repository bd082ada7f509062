"""What a person calls in a notebook: ``import rigd; rigd.backtest("open", …)``.

Nothing heavy is imported before a function is called.
"""

from __future__ import annotations

import difflib
import inspect
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.core.ports import Clock
    from rigd.hosts.backtest.request import BacktestRequest
    from rigd.hosts.backtest.result import BacktestResult


def backtest(
    strategy: str = "all",
    *,
    data: object = "",
    start: str | date = "",
    end: str | date = "",
    symbols: str | Sequence[str] = (),
    bar_stamp: str = "start",
    changes: str = "",
    cash: object = "",
    config: str = "",
    home: str = "",
    save: bool = False,
    stamp: str = "",
    lane: str = "auto",
    on_day: Callable[[int, int], None] | None = None,
    **settings: object,
) -> BacktestResult:
    """Run a strategy over days of minute bars; nothing is traded and no book is touched.

    Parameters
    ----------
    strategy
        ``open``, ``mid``, ``close``, or ``all`` by the router.
    data
        Folder of bar files; the built-in sample without it.
    start, end
        The span of exchange days, both included; a day of the sample without them.
    symbols
        What may be traded, as a list or ``A,B``; everything in the folder without it.
    bar_stamp
        Whether the files' stamps are bar starts or ends.
    changes
        Settings as text, ``KEY=VALUE; KEY=VALUE``, beside those given by name.
    cash
        Cash at the first open [currency].
    config
        A settings file instead of the bot's own.
    home
        RIGD_HOME; the environment's without it.
    save
        Whether the results are written to ``runs/backtest_results/``.
    stamp
        Names the folder of a saved run; the present instant without it.
    lane
        ``auto``, ``compiled`` or ``plain``.
    on_day
        Called after each day with how many are done, and of how many.
    **settings
        Any setting by its key in lower case, such as ``strat_open_buffer=0.01``.

    Returns
    -------
    BacktestResult
        Figures, funnel, frames, ``.plot()`` and ``.why(symbol, day)``.

    Raises
    ------
    ConfigError
        If a name is misspelt (the nearest one is named), or a value is wrong.
    """
    from rigd.config.sources import rigd_home  # noqa: PLC0415 - keeps `import rigd` light
    from rigd.core.clock import SystemClock  # noqa: PLC0415 - as above
    from rigd.hosts.backtest import opening, result, saving  # noqa: PLC0415 - as above
    from rigd.hosts.backtest.scanning import Lane  # noqa: PLC0415 - as above
    from rigd.store.paths import Home  # noqa: PLC0415 - as above

    _require_known(settings)
    request = request_of(
        strategy=strategy,
        data=str(data),
        start=start,
        end=end,
        symbols=symbols,
        bar_stamp=bar_stamp,
        cash=str(cash),
        overrides=(
            *pairs_of(changes),
            *((key.upper(), _text(value)) for key, value in settings.items()),
        ),
    )
    place = Home(rigd_home({"RIGD_HOME": home} if home else None))
    terms = opening.terms_of(place, request, config)
    history = opening.history_of(request, terms)
    shown = on_day or (lambda _done, _of: None)
    found = result.run(
        request,
        opening.with_history(terms, history),
        history,
        lane=Lane(lane),
        on_day=shown,
    )
    if save:
        saving.save(found, place, stamp or _stamp(SystemClock()))
    return found


def request_of(
    *,
    strategy: str,
    data: str,
    start: str | date,
    end: str | date,
    symbols: str | Sequence[str],
    bar_stamp: str,
    overrides: tuple[tuple[str, str], ...],
    cash: str = "",
) -> BacktestRequest:
    """Return a request from what a person typed.

    Parameters
    ----------
    strategy, data, symbols, bar_stamp, overrides, cash
        As `BacktestRequest` has them; symbols also as ``A,B``.
    start, end
        Days, or their text; a blank start is the sample's day, a blank end the start.

    Returns
    -------
    BacktestRequest
        Checked.

    Raises
    ------
    ConfigError
        If a day is malformed.
    """
    from rigd.hosts.backtest.request import BacktestRequest  # noqa: PLC0415 - as above
    from rigd.market.sample import SAMPLE_DAY  # noqa: PLC0415 - as above

    first = _day(start, "start") or SAMPLE_DAY
    names = symbols.split(",") if isinstance(symbols, str) else symbols
    return BacktestRequest(
        strategy=strategy,
        data=data,
        start=first,
        end=_day(end, "end") or first,
        symbols=tuple(name.strip().upper() for name in names if name.strip()),
        bar_stamp=bar_stamp,
        overrides=overrides,
        cash=cash,
    )


def pairs_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return key and value of each ``KEY=VALUE`` of a text, which are separated by ``;``.

    Parameters
    ----------
    text
        As typed.

    Returns
    -------
    tuple of (str, str)
        In the order typed.

    Raises
    ------
    ConfigError
        If a part has no ``=``.
    """
    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    parts = [part.strip() for part in text.split(";") if part.strip()]
    for part in parts:
        if "=" not in part:
            msg = f"changes must be KEY=VALUE; KEY=VALUE, found {part!r}"
            raise ConfigError(msg)
    pairs = (part.partition("=") for part in parts)
    return tuple((key.strip().upper(), value.strip()) for key, _, value in pairs)


def _require_known(settings: dict[str, object]) -> None:
    """Refuse a keyword that is neither a parameter nor a setting, and name the nearest."""
    from rigd.config.schema import Settings  # noqa: PLC0415 - as above
    from rigd.core.errors import ConfigError, Problem  # noqa: PLC0415 - as above

    own = [p for p in inspect.signature(backtest).parameters if p != "settings"]
    known = {name.lower() for name in Settings.model_fields} | set(own)
    problems = []
    for name in settings:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(Problem("rigd.backtest", f"is not a known parameter{hint}", key=name))
    if problems:
        msg = "parameters must be known"
        raise ConfigError(msg, problems=problems)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _day(given: str | date, name: str) -> date | None:
    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    if isinstance(given, date):
        return given
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        msg = f"{name} must be YYYY-MM-DD, was {given!r}"
        raise ConfigError(msg) from None


def _stamp(clock: Clock) -> str:
    from rigd.hosts.backtest.result import stamp_text  # noqa: PLC0415 - as above

    return stamp_text(clock.now())
