"""Our side against its peers and a loop in C, in turns in one run (PERFORMANCE W1, W3, W4).

``python -m tests.bench peers``, or ``python -m tests.bench.bench_peers --whole`` for every peer on
the whole year and all symbols: that takes minutes. Each peer runs in its own process on prepared
data; a peer that is not there is told as such. Rules: `tests.bench.peers.work`. Times of W1 and W3
are processor times on both sides, as a run of seconds suffers from other work on the machine where
one of a millisecond does not; those of W4, which waits for the disk, are by the wall.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from datetime import date
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.calendar.exchange import sessions
from rigd.core.values import Bar
from rigd.hosts.backtest.host import Host
from rigd.hosts.backtest.scanning import Lane
from rigd.ledger.book import Ledger
from rigd.store.database import open_database
from tests.bench import goals, ours, replays
from tests.bench.bench_core import quiet_bars
from tests.bench.bench_ledger import fills as ledger_fills
from tests.bench.bench_ledger import synced_write
from tests.bench.peer import Peer, PeerAbsentError, unlike
from tests.bench.peers import work
from tests.hosts.backtest.days import CASH, history_of, terms
from tests.ledger.books import ACCOUNT, BOT, KEY, entry, started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.peers.work import Bars

RULES = work.Rules()
ROUNDS = 5
AT_ONCE = 20
"""Runs of a fast side for each run of a peer; the median is over all of them."""

PEERS: dict[str, object] = {}
NOTES = {"peers": PEERS}
"""Versions, trades and seconds of the peers, for the file of figures."""


class Size(NamedTuple):
    """What a peer that takes seconds is given: days of W1, symbols of W3's day, rounds."""

    days: int
    rounds: int


SIZES = {
    "from_signals": Size(work.YEAR, ROUNDS),
    "from_order_func": Size(work.YEAR, ROUNDS),
    "backtesting": Size(work.YEAR, 3),
    "nautilus": Size(work.YEAR, 3),
    "backtrader": Size(work.YEAR, 2),
}
SYMBOLS = 500
PEER_SYMBOLS = 100
SWEEP_BYTES = 32 << 20
POSTS = 400
POSTS_A_SAVE = 10


def main(arguments: Sequence[str] = ()) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=goals.scratch()) as folder:
        against_c(Path(folder))
        whole_host()
        differing: list[int] = []
        for name, size in SIZES.items():
            days = work.YEAR if options.whole else size.days
            against_peer(name, Path(folder), work.year(days=days), size.rounds, differing)
        if len(differing) == 2:
            goals.tell(
                "P1.trades", sum(differing), f"stop {RULES.stop:.1%}, target {RULES.target:.1%}"
            )
        else:
            goals.absent("P1.trades", "a peer of the two is not available")
        symbols = SYMBOLS if options.whole else PEER_SYMBOLS
        against_engine(Path(folder), symbols)
        against_books(Path(folder))
    return 0


def against_c(folder: Path) -> None:
    """Time one backtest of the year and the loop in C in turns."""
    bars = work.year()
    run = ours.one_backtest(bars, RULES)
    library = ours.build_c(folder)
    if library is None:
        goals.absent("P1.c", "no gcc")
        return
    loops = {
        "c_whole": ours.c_loop(library, bars, RULES, whole=True),
        "c_until_done": ours.c_loop(library, bars, RULES, whole=False),
    }
    fills = ours.fills_of(run())
    apart = sum(fills != [work.Fill(*row) for row in loop().tolist()] for loop in loops.values())
    times = in_turns({"ours": run, **loops}, 10 * ROUNDS)
    floor = min(times[name] for name in loops)
    told = {f"{name}_ms": seconds * 1e3 for name, seconds in times.items()}
    note = f"{len(fills)} trades, the same in C: {'no' if apart else 'yes'}"
    goals.tell("P1.c", times["ours"] / floor, note, **told)


def whole_host() -> None:
    """Time the backtest host with pool, filters, risk, sizes, caps and records on the year."""
    span = sessions(date(2013, 1, 2), date(2014, 1, 31))[: work.YEAR]
    rows, offsets = ours.packed(work.year())
    days = [[Bar(*row) for row in rows[first:last].tolist()] for first, last in pairwise(offsets)]
    history = history_of({found.day: {"SPY": day} for found, day in zip(span, days, strict=True)})
    terms_ = terms(**replays.SETTINGS)
    history.packed("SPY")

    def run() -> int:
        found = Host(terms_, history, Lane.COMPILED).run(CASH)
        return sum(len(day.trades) for day in found)

    trades = run()
    seconds = statistics.median(repeated(run, 3))
    print(f"the backtest host: {seconds * 1e3:.0f} ms for the year, {trades} trades (no goal)")  # noqa: T201 - a bench prints


def against_peer(name: str, folder: Path, bars: Bars, rounds: int, differing: list[int]) -> None:
    """Time one backtest of some days and a peer in turns, and compare the trades."""
    days = int(bars.day[-1]) + 1
    key = f"P1.{name}"
    try:
        with Peer.on_bars(name, bars, RULES, folder) as peer:
            run = ours.one_backtest(bars, RULES)
            fills, theirs = ours.fills_of(run()), peer.fills()
            mine, seconds = in_turns_with(run, peer, rounds)
            version = peer.version
    except PeerAbsentError as why:
        if key in goals.GOALS:
            goals.absent(key, f"peer not available: {why}")
        else:
            print(f"{name}: peer not available: {why}")  # noqa: T201 - a bench prints
        PEERS[name] = f"not available: {why}"
        return
    apart = unlike(fills, theirs)
    PEERS[name] = {
        "version": version,
        "days": days,
        "seconds": seconds,
        "ours_seconds": mine,
        "trades": len(theirs),
        "pnl": work.pnl(theirs, RULES),
        "ours_pnl": work.pnl(fills, RULES),
        "days_that_differ": len(apart),
    }
    note = (
        f"{version}, {days} days; {len(theirs)} trades, {work.pnl(theirs, RULES):,.2f} USD,"
        f" ours {len(fills)}, {work.pnl(fills, RULES):,.2f} USD; {len(apart)} differ"
    )
    if name in {"backtrader", "from_order_func"}:
        differing.append(len(apart))
    if key in goals.GOALS:
        goals.tell(key, seconds / mine, note, peer_ms=seconds * 1e3, ours_ms=mine * 1e3)
    else:
        print(f"{name} / one backtest: {seconds / mine:,.0f} x (no goal); {note}")  # noqa: T201 - a bench prints


def against_engine(folder: Path, symbols: int) -> None:
    """Time the session engine's quiet bar and a day of many symbols beside nautilus_trader."""
    bars = work.year(days=symbols)
    ways = replays.ways(work.year(days=SYMBOLS))
    quiet = RULES._replace(buffer=0.5)
    goal_of_trades(ways)
    samples: dict[str, list[float]] = {name: [] for name in ("still", "bar", "trading", *ways)}
    try:
        with ExitStack() as peers:
            still, trading = (
                peers.enter_context(Peer.on_bars("nautilus_symbols", bars, rules, folder))
                for rules in (quiet, RULES)
            )
            for _ in range(3):
                samples["still"].append(still.run() / len(bars.day))
                samples["bar"].append(quiet_bars(symbols)[0].p50)
                samples["trading"].append(trading.run() / len(bars.day))
                for name, way in ways.items():
                    found = repeated(way.run, way.times)
                    samples[name] += [seconds / (SYMBOLS * work.MINUTES) for seconds in found]
    except PeerAbsentError as why:
        for key in ("P6.nautilus", "P6.replay"):
            goals.absent(key, f"peer not available: {why}")
        return
    cost = {name: statistics.median(times) * 1e6 for name, times in samples.items()}
    goals.tell(
        "P6.nautilus",
        cost["still"] / cost["bar"],
        f"{symbols} symbols, a day without signals",
        nautilus_us_a_bar=cost["still"],
        ours_us_a_bar=cost["bar"],
    )
    for name in ways:
        conditions = f"per bar, {symbols} symbols there, {SYMBOLS} here: {name}"
        if name == replays.STEPPER:
            ratio = cost["trading"] / cost[name]
            print(f"nautilus_trader / replay: {ratio:,.0f} x (no goal); {conditions}")  # noqa: T201 - a bench prints
            continue
        goals.tell(
            "P6.replay",
            cost["trading"] / cost[name],
            conditions,
            nautilus_us_a_bar=cost["trading"],
            ours_us_a_bar=cost[name],
        )


def goal_of_trades(ways: dict[str, replays.Way]) -> None:
    """Compare the trades of the session engine and of the backtest host on the same day."""
    session, host = (set(ways[name].run()) for name in (replays.SESSION, replays.HOST))
    note = f"{len(session)} trades of {SYMBOLS} symbols, every pool, cap and risk rule in force"
    goals.tell("P6.trades", len(session ^ host), note)


def against_books(folder: Path) -> None:
    """Time durable posts and piecash's saves in turns, each on a disk that has settled.

    One fdatasync, timed in the same turns, is the floor of both: on a busy disk it is all of ours.
    """
    posts = [entry(seq, each) for seq, each in enumerate(ledger_fills(POSTS), start=2)]
    saves, mine, syncs = [], [], []
    try:
        with ExitStack() as files:
            peer = files.enter_context(Peer("piecash", str(folder)))
            books = Ledger(open_database(folder / "own.db"), identity=BOT, account=ACCOUNT)
            files.callback(books.close)
            books.post(entry(1, started()), KEY)
            peer.run()
            handle = os.open(folder / "floor", os.O_CREAT | os.O_RDWR)
            files.callback(os.close, handle)
            os.pwrite(handle, bytes(1 << 20), 0)
            for first in range(0, len(posts), POSTS_A_SAVE):
                os.sync()
                saves.append(peer.run())
                os.sync()
                for at, post in enumerate(posts[first : first + POSTS_A_SAVE]):
                    began = perf_counter()
                    synced_write(handle, 256 * at)
                    syncs.append(perf_counter() - began)
                    began = perf_counter()
                    books.post(post, KEY)
                    mine.append(perf_counter() - began)
            PEERS["piecash"] = peer.version
    except PeerAbsentError as why:
        goals.absent("P8.piecash", f"peer not available: {why}")
        return
    save, own, sync = (statistics.median(sample) for sample in (saves, mine, syncs))
    goals.tell(
        "P8.piecash",
        save / own,
        f"{PEERS['piecash']}; a post takes {own / sync:.2f} times one fdatasync",
        piecash_ms=save * 1e3,
        ours_ms=own * 1e3,
        fdatasync_ms=sync * 1e3,
    )


def in_turns(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each side's median over rounds in which each runs once [s]."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            times[name] += repeated(run, 1)
    return {name: statistics.median(sample) for name, sample in times.items()}


def in_turns_with(run: Callable[[], object], peer: Peer, rounds: int) -> tuple[float, float]:
    """Return the medians of our run and of a peer's over rounds in which both run [s]."""
    mine, theirs = [], []
    for _ in range(rounds):
        theirs.append(peer.run())
        mine += repeated(run, AT_ONCE)
    return statistics.median(mine), statistics.median(theirs)


def repeated(run: Callable[[], object], times: int) -> list[float]:
    """Return the processor time of some runs [s], each after the caches were filled otherwise.

    Without that, ours would find its bars where its last run left them, as no peer does; garbage is
    collected before and not meanwhile.
    """
    sample = []
    swept = np.ones(SWEEP_BYTES // 8)
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            swept += 1.0
            began = process_time()
            run()
            sample.append(process_time() - began)
    finally:
        gc.enable()
    return sample


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
