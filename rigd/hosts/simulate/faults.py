"""The fault menu, and the plan that decides for one seed which of them happen (FAULTS §5.3).

A fault belongs to a door: the wire, the venue, the feed, the disk, the process or the users. No
code that trades asks for one; the simulated doors do, and they are handed in as arguments.

Each fault draws from a stream of its own, so that leaving one out leaves the others where they
were. That is what makes a failing seed shrink.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK = 32
"""How many numbers a stream draws at a time."""


class Fault(StrEnum):
    """Everything that may go wrong."""

    CRASH_BEFORE_WRITE = "crash_before_write"
    CRASH_BEFORE_SYNC = "crash_before_sync"
    CRASH_AFTER_WRITE = "crash_after_write"
    CRASH_BEFORE_SEND = "crash_before_send"
    CRASH_AFTER_SEND = "crash_after_send"
    CRASH_IN_MINUTE = "crash_in_minute"
    CRASH_BEFORE_COMMIT = "crash_before_commit"
    CRASH_AFTER_COMMIT = "crash_after_commit"
    CRASH_AT_START = "crash_at_start"
    POWER_LOSS = "power_loss"
    DISK_FULL = "disk_full"
    SYNC_FAILS = "sync_fails"
    BOOKS_FULL = "books_full"
    NO_CONNECTION = "no_connection"
    REQUEST_LOST = "request_lost"
    REPLY_LOST = "reply_lost"
    GATEWAY_TIMEOUT = "gateway_timeout"
    GARBAGE = "garbage"
    RATE_LIMITED = "rate_limited"
    DELAYED = "delayed"
    READ_FAILS = "read_fails"
    STREAM_DROP = "stream_drop"
    STREAM_REPLAY = "stream_replay"
    EVENT_TWICE = "event_twice"
    EVENTS_REORDERED = "events_reordered"
    REJECT = "reject"
    PARTIAL_FILL = "partial_fill"
    LATE_FILL = "late_fill"
    OVERFILL = "overfill"
    BUST = "bust"
    CORRECTION = "correction"
    REFUSED_CANCEL = "refused_cancel"
    FORCED_CANCEL = "forced_cancel"
    HALT = "halt"
    LIST_LAG = "list_lag"
    FIND_LAG = "find_lag"
    FOREIGN_ORDER = "foreign_order"
    FOREIGN_FILL = "foreign_fill"
    CASH_CORRECTION = "cash_correction"
    BAR_MISSING = "bar_missing"
    BARS_STOP = "bars_stop"
    BAR_REPEATED = "bar_repeated"
    BAR_NAN = "bar_nan"
    BAR_ZERO = "bar_zero"
    BAR_NEGATIVE = "bar_negative"
    BAR_CROSSED = "bar_crossed"
    BAR_SPIKE = "bar_spike"
    STRATEGY_RAISES = "strategy_raises"
    STRATEGY_ENDLESS = "strategy_endless"
    STRATEGY_NAN = "strategy_nan"
    STRATEGY_FLIPS = "strategy_flips"
    USER_STOP = "user_stop"
    USER_KILL = "user_kill"
    USER_SHUTDOWN = "user_shutdown"
    USER_TWICE = "user_twice"
    USER_CONTRADICTS = "user_contradicts"
    USER_RESETS = "user_resets"
    CONFIG_CHANGED = "config_changed"
    CONFIG_BAD = "config_bad"
    CONFIG_AT_START = "config_at_start"
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BACK = "clock_back"


class Spec(NamedTuple):
    """Where a fault belongs, how likely it is at each chance in a seed that has it, and what."""

    door: str
    rate: float
    text: str


MENU: Mapping[Fault, Spec] = MappingProxyType({
    Fault.CRASH_BEFORE_WRITE: Spec("process", 0.007, "dies before a record is written"),
    Fault.CRASH_BEFORE_SYNC: Spec("process", 0.03, "dies between write and sync of a record"),
    Fault.CRASH_AFTER_WRITE: Spec("process", 0.007, "dies after a record was written"),
    Fault.CRASH_BEFORE_SEND: Spec("process", 0.11, "dies before a request leaves"),
    Fault.CRASH_AFTER_SEND: Spec("process", 0.15, "dies before the answer to a request is read"),
    Fault.CRASH_IN_MINUTE: Spec("process", 0.005, "dies while the market trades a minute"),
    Fault.CRASH_BEFORE_COMMIT: Spec("process", 0.15, "dies before a posting is committed"),
    Fault.CRASH_AFTER_COMMIT: Spec("process", 0.2, "dies after a posting was committed"),
    Fault.CRASH_AT_START: Spec("process", 0.3, "dies again while it recovers"),
    Fault.POWER_LOSS: Spec(
        "process", 0.5, "a crash loses the machine: what was not synced is gone"
    ),
    Fault.DISK_FULL: Spec("disk", 0.006, "no room for a record (ENOSPC)"),
    Fault.SYNC_FAILS: Spec("disk", 0.02, "the sync of a record fails (EIO)"),
    Fault.BOOKS_FULL: Spec("disk", 0.1, "no room for a posting"),
    Fault.NO_CONNECTION: Spec("network", 0.1, "a request cannot leave"),
    Fault.REQUEST_LOST: Spec("network", 0.1, "a request is lost on its way"),
    Fault.REPLY_LOST: Spec("network", 0.1, "the answer to a request is lost"),
    Fault.GATEWAY_TIMEOUT: Spec("network", 0.1, "504 after the request was accepted"),
    Fault.GARBAGE: Spec("network", 0.1, "the answer makes no sense"),
    Fault.RATE_LIMITED: Spec("network", 0.1, "429: refused, to be asked again later"),
    Fault.DELAYED: Spec("network", 0.95, "a request arrives after the client gave up"),
    Fault.READ_FAILS: Spec("network", 0.05, "a question has no answer"),
    Fault.STREAM_DROP: Spec("network", 0.08, "the stream is cut: what it told meanwhile is lost"),
    Fault.STREAM_REPLAY: Spec("network", 0.08, "the stream tells the day again"),
    Fault.EVENT_TWICE: Spec("network", 0.1, "an event is told twice"),
    Fault.EVENTS_REORDERED: Spec("network", 0.3, "events come in another order"),
    Fault.REJECT: Spec("broker", 0.15, "an order is refused"),
    Fault.PARTIAL_FILL: Spec("broker", 0.4, "an order fills in parts"),
    Fault.LATE_FILL: Spec("broker", 0.25, "a cancelled order fills after all"),
    Fault.OVERFILL: Spec("broker", 0.2, "an order fills for more than it was meant for"),
    Fault.BUST: Spec("broker", 0.05, "an execution is taken back"),
    Fault.CORRECTION: Spec("broker", 0.05, "the price of an execution is corrected"),
    Fault.REFUSED_CANCEL: Spec("broker", 0.5, "a cancel is refused and the order lives on"),
    Fault.FORCED_CANCEL: Spec("broker", 0.06, "the broker cancels an order of ours"),
    Fault.HALT: Spec("broker", 0.006, "a symbol is halted for some minutes"),
    Fault.LIST_LAG: Spec("broker", 0.2, "the list of open orders lags"),
    Fault.FIND_LAG: Spec("broker", 0.6, "a look-up does not find a new order at once"),
    Fault.FOREIGN_ORDER: Spec("broker", 0.005, "somebody else works an order in the account"),
    Fault.FOREIGN_FILL: Spec("broker", 0.005, "somebody else trades in the account"),
    Fault.CASH_CORRECTION: Spec("broker", 0.005, "the broker books a correction of cash"),
    Fault.BAR_MISSING: Spec("data", 0.02, "a bar is missing"),
    Fault.BARS_STOP: Spec("data", 0.003, "a symbol has no bars for a while"),
    Fault.BAR_REPEATED: Spec("data", 0.02, "a bar repeats the one before"),
    Fault.BAR_NAN: Spec("data", 0.003, "a bar holds a NaN"),
    Fault.BAR_ZERO: Spec("data", 0.003, "a bar holds a zero"),
    Fault.BAR_NEGATIVE: Spec("data", 0.003, "a bar holds a negative price"),
    Fault.BAR_CROSSED: Spec("data", 0.003, "a bar's low lies above its high"),
    Fault.BAR_SPIKE: Spec("data", 0.003, "a bar jumps and comes back"),
    Fault.STRATEGY_RAISES: Spec("strategy", 0.01, "a strategy raises"),
    Fault.STRATEGY_ENDLESS: Spec("strategy", 0.5, "a strategy signals each tick"),
    Fault.STRATEGY_NAN: Spec("strategy", 0.05, "a strategy signals NaN"),
    Fault.STRATEGY_FLIPS: Spec("strategy", 0.5, "a strategy signals the opposite each tick"),
    Fault.USER_STOP: Spec("user", 0.009, "a stop is asked for"),
    Fault.USER_KILL: Spec("user", 0.009, "a kill is asked for"),
    Fault.USER_SHUTDOWN: Spec("user", 0.009, "a shutdown is asked for"),
    Fault.USER_TWICE: Spec("user", 0.9, "a command is given twice"),
    Fault.USER_CONTRADICTS: Spec(
        "user", 0.9, "a start is given with it, and a kill a minute later"
    ),
    Fault.USER_RESETS: Spec("user", 0.8, "the latch is reset between two processes"),
    Fault.CONFIG_CHANGED: Spec("config", 0.02, "the settings change, whole, between two minutes"),
    Fault.CONFIG_BAD: Spec("config", 0.01, "the settings' file is not valid any more"),
    Fault.CONFIG_AT_START: Spec("config", 0.01, "a key changes that waits for a start"),
    Fault.CLOCK_AHEAD: Spec("time", 0.006, "the wall clock jumps ahead"),
    Fault.CLOCK_BACK: Spec("time", 0.006, "the wall clock jumps back"),
})
"""Every fault, in the order of the enum."""


class FaultPlan:
    """Which faults happen in one run.

    Parameters
    ----------
    seed
        Of the run.
    rates
        How likely each fault is at each of its chances; a fault without a rate never happens.
    dropped
        Occurrences (fault, number of the chance) that do not happen: what shrinking left out.
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[Fault, float],
        dropped: frozenset[tuple[Fault, int]] = frozenset(),
    ) -> None:
        self._seed = seed
        self._rates = dict(rates)
        self._dropped = dropped
        self._streams: dict[str, Stream] = {}
        self._chances: Counter[Fault] = Counter()
        self.on = True
        self.fired: Counter[Fault] = Counter()
        self.schedule: list[tuple[Fault, int]] = []

    def fires(self, fault: Fault) -> bool:
        """Tell whether a fault happens at this chance of it."""
        rate = self._rates.get(fault)
        if not rate or not self.on:
            return False
        self._chances[fault] += 1
        if self.stream(fault).next() >= rate:
            return False
        occurrence = (fault, self._chances[fault])
        if occurrence in self._dropped:
            return False
        self.fired[fault] += 1
        self.schedule.append(occurrence)
        return True

    def has(self, fault: Fault) -> bool:
        """Tell whether a fault may happen in this run at all."""
        return bool(self._rates.get(fault))

    def pick(self, what: str, count: int) -> int:
        """Return one of 0 to `count` - 1, from the stream of a name."""
        return min(count - 1, int(self.stream(f"pick/{what}").next() * count))

    def stream(self, name: str) -> Stream:
        """Return the stream of a name."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self._seed, name)
        return stream


class Stream:
    """Numbers from 0 to 1 that depend on the seed and the stream's name alone.

    Parameters
    ----------
    seed, name
        Which numbers.
    """

    __slots__ = ("_generator", "_left")

    def __init__(self, seed: int, name: str) -> None:
        self._generator = generator(seed, name)
        self._left: list[float] = []

    def next(self) -> float:
        """Return the next number."""
        if not self._left:
            self._left = self._generator.random(_BLOCK).tolist()[::-1]
        return self._left.pop()


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the generator of a name, the same in every process."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
