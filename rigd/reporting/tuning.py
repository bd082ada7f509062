"""The tuning tracker: what each strategy made of its trigger, run by run (documents 050, 070).

One file per bot and strategy, ``backtest_results/strategy_tuning/{bot}_{strategy}.json``, holds a
row per run, a table with one row per value of the strategy's trigger (also as ``.csv``), and the
value that earned most. It is derived from journals alone and can be made again from them; nothing
reads it back into a session.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.config.strategies import TRIGGER_KEYS
from rigd.core.events import CandidateJudged, Entry, Outcome, SessionClosed, TradeClosed
from rigd.core.money import money, plain
from rigd.core.values import SelfCheck
from rigd.reporting.header import marks_of, session_key, setting, started_of
from rigd.reporting.text import csv_line, csv_text, json_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.tuning"

MIN_TRADES = 10
"""A value with fewer trades is not recommended: its average is luck."""

COLUMNS = (
    "value",
    "runs",
    "trades",
    "win_rate",
    "average_pnl",
    "average_holding_s",
    "blocks",
    "rejects",
    "ticker_frequency",
)
"""The table of document 070: trigger → win rate, average PnL, duration, counts, tickers."""

_RATIO_STEP = Decimal("0.000001")
_MICROSECOND = timedelta(microseconds=1)


class Run(NamedTuple):
    """One strategy in one session.

    `value` is the trigger as it was set, `pnl` the sum over the trades net of commissions
    [currency], `holding_us` the sum of the times in the market [10⁻⁶ s]; `blocks` and `rejects`
    count signals that a filter or a limit stopped, and that the last door or the broker refused.
    """

    session: str
    mode: str
    data_label: str
    value: str
    trades: int
    wins: int
    pnl: Decimal
    holding_us: int
    blocks: int
    rejects: int
    tickers: Mapping[str, int]


class TuningTracker:
    """Projection that adds a closed session to the tables of its strategies.

    Parameters
    ----------
    outputs
        The door to the output files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._entries: list[Entry] = []

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if self._entries and entry.seq <= self._entries[-1].seq:
            return
        self._entries.append(entry)
        if isinstance(entry.record, SessionClosed):
            record_runs(self._outputs, self._entries)


def self_check() -> SelfCheck:
    """Check the table on two runs of one value: 3 trades, 1 of them won, 6 - 3 = 3 in all."""
    first = Run("a", "TEST", "", "0.02", 2, 1, Decimal(6), 180_000_000, 3, 1, {"A": 2})
    second = first._replace(session="b", value="0.020", trades=1, wins=0, pnl=Decimal(-3))
    rows = table([first, second])
    found = [(row["trades"], str(row["win_rate"]), row["average_pnl"]) for row in rows]
    right = found == [(3, "0.333333", "1")]
    detail = "one row per value" if right else f"3 trades must average 1, was {found}"
    return SelfCheck(name="reporting.tuning", passed=right, detail=detail)


def record_runs(outputs: Outputs, entries: Sequence[Entry]) -> None:
    """Add one session to the tables of its strategies; a session that is there is replaced.

    Parameters
    ----------
    outputs
        The door to the output files.
    entries
        The journal of one session.
    """
    started = started_of(entries)
    for strategy, run in runs_of(entries).items():
        known = runs_in(outputs.read(file_of(strategy)))
        kept = [each for each in known if each.session != run.session]
        write_table(outputs, started.bot, strategy, [*kept, run])


def write_table(outputs: Outputs, bot: str, strategy: str, runs: Sequence[Run]) -> None:
    """Write a strategy's file.

    Parameters
    ----------
    outputs
        The door to the output files.
    bot, strategy
        Whose file.
    runs
        All its runs.
    """
    ordered = sorted(runs, key=lambda run: run.session)
    content = json_document(document(bot, strategy, ordered))
    outputs.write(file_of(strategy), content, writer=WRITER)
    outputs.write(table_file_of(strategy), table_csv(ordered), writer=WRITER)


def file_of(strategy: str) -> str:
    """Return the name of a strategy's file in the output table."""
    return f"tuning_{strategy}.json"


def table_file_of(strategy: str) -> str:
    """Return the name of a strategy's table as CSV in the output table."""
    return f"tuning_{strategy}.csv"


def table_csv(runs: Sequence[Run]) -> bytes:
    """Return the table of some runs as CSV, for spreadsheets.

    Parameters
    ----------
    runs
        Runs of one strategy.

    Returns
    -------
    bytes
        UTF-8, the head COLUMNS and ``modes``: how the runs of a value were marked, such as TEST.
        Tickers as ``A:3 B:1``, blank where there is no trade.
    """
    modes: dict[Decimal, set[str]] = {}
    for run in runs:
        modes.setdefault(Decimal(run.value), set()).add(run.mode)
    lines = [csv_line((*COLUMNS, "modes"))]
    for row in table(runs):
        *numbers, tickers = (cell_text(row[name]) for name in COLUMNS)
        marks = "; ".join(sorted(modes[Decimal(numbers[0])]))
        lines.append(csv_line([*numbers, csv_text(tickers), csv_text(marks)]))
    return ("\n".join(lines) + "\n").encode()


def cell_text(value: object) -> str:
    """Return a cell of the table as text; blank for None."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return " ".join(f"{symbol}:{count}" for symbol, count in value.items())
    return str(value)


def runs_of(entries: Sequence[Entry]) -> dict[str, Run]:
    """Return what each strategy of a session did; one whose trigger is not on record is left out.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    dict
        `Run` by strategy, in the session's order.
    """
    runs = {name: run_of(entries, name) for name in started_of(entries).strategies}
    return {name: run for name, run in runs.items() if run.value}


def run_of(entries: Iterable[Entry], strategy: str) -> Run:
    """Return what a strategy did in a session.

    Parameters
    ----------
    entries
        The journal of one session.
    strategy
        ``open``, ``mid`` or ``close``.

    Returns
    -------
    Run
        Its trades and what stopped the others.
    """
    known = list(entries)
    started = started_of(known)
    records = [entry.record for entry in known]
    trades = [r for r in records if isinstance(r, TradeClosed) and r.strategy == strategy]
    judged = [r for r in records if isinstance(r, CandidateJudged) and r.strategy == strategy]
    held = sum((trade.exit_time - trade.entry_time for trade in trades), timedelta())
    return Run(
        session=session_key(started),
        mode=", ".join(marks_of(started)) or "live",
        data_label=started.data_label,
        value=setting(started, TRIGGER_KEYS[strategy], ""),
        trades=len(trades),
        wins=sum(1 for trade in trades if trade.pnl > 0),
        pnl=sum((trade.pnl for trade in trades), Decimal(0)),
        holding_us=held // _MICROSECOND,
        blocks=_stopped(judged, Outcome.BLOCKED),
        rejects=_stopped(judged, Outcome.REJECTED),
        tickers=dict(sorted(Counter(trade.symbol for trade in trades).items())),
    )


def document(bot: str, strategy: str, runs: Sequence[Run]) -> dict[str, object]:
    """Return a strategy's file: its runs in order, the table and the recommendation.

    Parameters
    ----------
    bot, strategy
        Whose file.
    runs
        Its runs, in any order.

    Returns
    -------
    dict
        Plain values.
    """
    ordered = sorted(runs, key=lambda run: run.session)
    return {
        "bot": bot,
        "strategy": strategy,
        "trigger": TRIGGER_KEYS[strategy],
        "recommendation": recommendation(strategy, ordered),
        "table": table(ordered),
        "runs": [run._asdict() | {"pnl": plain(run.pnl)} for run in ordered],
    }


def table(runs: Sequence[Run]) -> list[dict[str, object]]:
    """Return one row per value of the trigger, the smallest first.

    Parameters
    ----------
    runs
        Runs of one strategy.

    Returns
    -------
    list of dict
        The cells of `COLUMNS`; money is text, ratios and seconds are numbers, None without trades.
    """
    values: dict[Decimal, list[Run]] = {}
    for run in runs:
        values.setdefault(Decimal(run.value), []).append(run)
    return [_row(value, values[value]) for value in sorted(values)]


def recommendation(strategy: str, runs: Sequence[Run]) -> dict[str, object]:
    """Return the value with the highest average PnL, and what it rests on.

    Parameters
    ----------
    strategy
        Which strategy.
    runs
        Its runs.

    Returns
    -------
    dict
        ``key``, ``value`` (None when no value has MIN_TRADES trades), ``reason`` and the row of
        the table as ``evidence``. A person decides; nothing applies it.
    """
    key = TRIGGER_KEYS[strategy]
    sums = {
        Decimal(run.value): [each for each in runs if Decimal(each.value) == Decimal(run.value)]
        for run in runs
    }
    rated = {
        value: sum((run.pnl for run in some), Decimal(0)) / sum(run.trades for run in some)
        for value, some in sums.items()
        if sum(run.trades for run in some) >= MIN_TRADES
    }
    if not rated:
        reason = f"no value has {MIN_TRADES} trades yet"
        return {"key": key, "value": None, "reason": reason, "evidence": None}
    best = min(rated, key=lambda value: (-rated[value], value))
    trades = sum(run.trades for run in sums[best])
    reason = (
        f"highest average PnL of {len(rated)} value(s) with {MIN_TRADES} trades or more, "
        f"from {trades} trades in {len(sums[best])} run(s)"
    )
    return {
        "key": key,
        "value": plain(best),
        "reason": reason,
        "evidence": _row(best, sums[best]),
    }


def runs_in(content: bytes) -> list[Run]:
    """Return the runs of a file; none when it is blank or not what `document` makes.

    Parameters
    ----------
    content
        The file.

    Returns
    -------
    list of Run
        In the file's order.
    """
    try:
        return [_read(row) for row in json.loads(content)["runs"]]
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return []  # derived from journals: `rigd tuning --rebuild` makes it again


def _read(row: dict[str, Any]) -> Run:
    values = row | {"pnl": Decimal(row["pnl"]), "tickers": dict(row["tickers"])}
    if not (Decimal(values["value"]).is_finite() and values["pnl"].is_finite()):
        msg = f"a run must hold finite numbers, was {row}"
        raise ValueError(msg)
    return Run(**values)


def _stopped(judged: Iterable[CandidateJudged], outcome: Outcome) -> int:
    """Count the signals with an outcome: symbols and minutes."""
    return len({(r.symbol, r.minute) for r in judged if r.outcome is outcome})


def _row(value: Decimal, runs: Sequence[Run]) -> dict[str, object]:
    trades = sum(run.trades for run in runs)
    tickers: Counter[str] = Counter()
    for run in runs:
        tickers.update(run.tickers)
    cells = (
        plain(value),
        len(runs),
        trades,
        _ratio(sum(run.wins for run in runs), trades),
        plain(money(sum((run.pnl for run in runs), Decimal(0)) / trades)) if trades else None,
        _ratio(sum(run.holding_us for run in runs), trades * 1_000_000),
        sum(run.blocks for run in runs),
        sum(run.rejects for run in runs),
        dict(sorted(tickers.items())),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _ratio(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(_RATIO_STEP, ROUND_HALF_EVEN)
