"""What the session engine costs: a quiet bar, and the way from a bar to a durable order (P6, P7).

Run ``python -m tests.bench.bench_core [FOLDER]``; FOLDER lies on the disk that is measured. Every
figure stands beside its floor, measured in the same run: for a bar the entry rules called in a bare
loop, for an order one fdatasync of a record of the same size.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from rigd.broker.adapters.sim import SimBroker
from rigd.engine.broker_line import BrokerLine
from rigd.hosts import replay
from rigd.store.chainlog import ChainLog
from rigd.store.journal import FileJournal
from tests.bench import goals
from tests.engine.test_candidates import breaking
from tests.engine.world import World, settings
from tests.strategy.days import flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.orders import OrderRequest, OrderSnapshot
    from rigd.core.ports import Broker

ROUNDS = 200
RECORD_BYTES = 700
"""About an order's intent as a line of the journal."""
RESERVE = 1 << 18


class Spread(NamedTuple):
    """Median and 99th percentile of a sample."""

    p50: float
    p99: float


def spread(sample: Sequence[float]) -> Spread:
    """Return median and 99th percentile."""
    ordered = sorted(sample)
    return Spread(statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))])


def quiet_bars(symbols: int) -> tuple[Spread, float]:
    """Return a quiet minute's cost per bar, and the entry rules' own cost per bar [s].

    A minute is quiet when nothing was recorded in it.
    """
    world = World(
        settings=settings(),
        bars={f"S{number:03d}": flat(range(390)) for number in range(symbols)},
        filters=False,
    )
    ends: list[tuple[float, int]] = []

    async def run() -> None:
        session = await world.open()
        await replay.run(
            session,
            world.feed,
            world.exchange,
            replay.Pace(world.clock, 0.0),
            lambda _: ends.append((perf_counter(), len(world.journal.marks))),
        )

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
        floor = _entry_rules(world)
    finally:
        gc.enable()
    minutes = ends[:390]
    quiet = [
        (after - before) / symbols
        for (before, known), (after, count) in pairwise(minutes)
        if known == count
    ]
    return spread(quiet), floor


def _entry_rules(world: World) -> float:
    """Return what the entry rules alone take per bar, called in a bare loop [s]."""
    runners = world.session.desk.runners
    bars = 0
    began = perf_counter()
    for slice_ in world.feed.slices():
        for runner in runners:
            if runner.first_minute <= slice_.minute < runner.plan.window.breakout_end:
                entry, params, states = (
                    runner.plan.strategy.entry,
                    runner.plan.params,
                    runner.states,
                )
                for symbol, bar in slice_.bars.items():
                    entry(states[symbol], bar, params)
        bars += len(slice_.bars)
    return (perf_counter() - began) / bars


class Wire:
    """The way to the simulated exchange; it notes when an order was handed over."""

    def __init__(self, line: Broker) -> None:
        assert isinstance(line, BrokerLine)
        broker = line.adapter
        assert isinstance(broker, SimBroker)
        self._submit = broker._link.submit
        self.handed_over = 0.0
        broker._link.submit = self.submit

    def submit(self, request: OrderRequest) -> OrderSnapshot:
        self.handed_over = perf_counter()
        return self._submit(request)


def durable_orders(folder: Path, rounds: int = ROUNDS) -> tuple[Spread, Spread]:
    """Return the time from a closed bar to the order on the wire, and of one fdatasync [s].

    The simulated exchange's own work is not counted: it stands for the broker.
    """
    orders, floors = [], []
    disk = _Disk(folder / "floor.bin")
    try:
        for number in range(rounds):
            floors.append(disk.write())
            orders.append(asyncio.run(_one_order(folder / f"{number}.log")))
    finally:
        disk.close()
    return spread(orders), spread(floors)


class _Disk:
    """A preallocated file: one record and one fdatasync a call."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        os.pwrite(self._file, bytes(RESERVE), 0)
        os.fsync(self._file)
        self._at = 0

    def write(self) -> float:
        began = perf_counter()
        os.pwrite(self._file, b"x" * RECORD_BYTES, self._at)
        os.fdatasync(self._file)
        self._at = (self._at + RECORD_BYTES) % (RESERVE - RECORD_BYTES)
        return perf_counter() - began

    def close(self) -> None:
        os.close(self._file)


async def _one_order(path: Path) -> float:
    log = ChainLog.create(path, "bench", reserve_bytes=RESERVE)
    world = World(
        settings=settings(strategy_override="open"),
        bars={"AAA": breaking(0.1, [25])},
        journal=FileJournal(log),
    )
    session = await world.open()
    wire = Wire(session.desk.broker)
    await session.begin()
    seconds = 0.0
    for slice_ in world.feed.slices():
        world.exchange.open_bar(slice_)
        world.exchange.trade_through(slice_)
        if slice_.minute < 25:
            session.catch_up(slice_)
            session.desk.clock.advance(slice_.start + replay.MINUTE)
            continue
        session.desk.recorder.sync()
        session.desk.clock.advance(slice_.start + replay.MINUTE)
        began = perf_counter()
        await session.on_slice(slice_)
        seconds = wire.handed_over - began
        break
    log.close()
    return seconds


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=tempfile.gettempdir(), type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    for symbols in (1, 500):
        cost, floor = quiet_bars(symbols)
        told = {"p50_us": cost.p50 * 1e6, "entry_rules_alone_us": floor * 1e6}
        note = f"{symbols} symbols, {cost.p50 / floor:.1f} times the entry rules alone"
        goals.tell("P6.quiet", cost.p50 * 1e6, note, **told)
        goals.tell("P6.quiet_p99", cost.p99 * 1e6, f"{symbols} symbols")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        order, sync = durable_orders(Path(folder), options.rounds)
    p50, p99 = (
        {f"order_{name}_us": ours * 1e6, f"fdatasync_{name}_us": theirs * 1e6}
        for name, ours, theirs in zip(Spread._fields, order, sync, strict=True)
    )
    goals.tell("P7.p50", order.p50 / sync.p50, **p50)
    note = f"{order.p99 / sync.p99:.2f} times the p99 of one fdatasync"
    goals.tell("P7.p99", order.p99 / sync.p50, note, **p99)


if __name__ == "__main__":
    main(sys.argv[1:])
