"""A session of three trades, written by hand, and what it makes.

==========  =====  =====  =====  ========  ========  =========  ==========
strategy    ticker side   size   entry     exit      PnL        held
==========  =====  =====  =====  ========  ========  =========  ==========
open        IBM    long   10     100.00    101.50    14.80      14 minutes
mid         SPY    short  4      170.25    170.75    -2.00      3 minutes
close       BAC    long   100    14.00     14.00     0          17 minutes
==========  =====  =====  =====  ========  ========  =========  ==========

IBM pays 0.10 commission on each of its two fills: 10 x 1.50 - 0.20 = 14.80.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rigd.core.events import (
    CandidateJudged,
    Entry,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    Outcome,
    PoolRanked,
    Record,
    SelfChecked,
    SessionClosed,
    SessionStarted,
    Stage,
    StateChanged,
    TradeClosed,
    WindowClosed,
    WindowPlanned,
)
from rigd.core.lifecycle import BotState
from rigd.core.orders import ExecType, OrdStatus, OrdType, Purpose
from rigd.core.values import Bar, Direction, ExitReason, PoolEntry, Profile, Side

OPEN = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
D = Decimal


def started(**overrides: object) -> SessionStarted:
    """Return the first record of the hand-made session."""
    values: dict[str, Any] = {
        "bot": "RIGD_USA_SIM_01",
        "day": date(2013, 10, 7),
        "number": 1,
        "profile": Profile.TEST,
        "test_mode": False,
        "replay": False,
        "broker": "SIM",
        "session_open": OPEN,
        "session_close": OPEN + timedelta(minutes=390),
        "half_day": False,
        "data_label": "real minute bars",
        "data_digest": "d" * 64,
        "config_digest": "c" * 64,
        "code_digest": "e" * 64,
        "symbols": ("BAC", "IBM", "SPY"),
        "strategies": ("open", "mid", "close"),
        "currency": "USD",
        "opening_cash": D(100000),
        "float_amount": D(100000),
        "session_cap": D(2000),
        "settings": (("DEBUG_LOG_LEVEL", "info"), ("LOG_FORMAT", "json"), ("MAX_TRADES", "1")),
        "limits": (("daily_loss_limit", "5000"), ("max_trades", "1")),
    }
    return SessionStarted(**(values | overrides))


def with_settings(**changes: str) -> SessionStarted:
    """Return the first record with other settings."""
    base = started()
    return replace(base, settings=tuple(sorted((dict(base.settings) | changes).items())))


class Writer:
    """Numbers records and gives them their instants, as a journal does."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, minute: int, *records: Record) -> None:
        """Append records at the end of a minute of the session."""
        for record in records:
            seq = len(self.entries) + 1
            at = OPEN + timedelta(minutes=minute)
            self.entries.append(Entry(seq, at, record, f"{seq:064x}"))


def judged(
    strategy: str,
    symbol: str,
    minute: int,
    stage: Stage,
    outcome: Outcome,
    rule: str,
    reason: str,
    **more: Any,
) -> CandidateJudged:
    """Return one step in the life of a candidate, long and of rank 1 unless told."""
    values: dict[str, Any] = {"direction": Direction.LONG, "pool_rank": 1, "fallback_level": 0}
    values |= {"measured": ""} | more
    return CandidateJudged(
        strategy=strategy,
        symbol=symbol,
        minute=minute,
        stage=stage,
        outcome=outcome,
        rule=rule,
        reason=reason,
        **values,
    )


def intent(cl_ord_id: str, **overrides: object) -> OrderIntent:
    """Return an entry order for 10 IBM, the open strategy's signal of bar 20."""
    values: dict[str, Any] = {
        "cl_ord_id": cl_ord_id,
        "replaces": "",
        "strategy": "open",
        "symbol": "IBM",
        "direction": Direction.LONG,
        "side": Side.BUY,
        "qty": D(10),
        "ord_type": OrdType.MARKET,
        "limit_price": None,
        "stop_price": None,
        "oco_group": "",
        "purpose": Purpose.ENTRY,
        "signal_minute": 20,
        "reference_price": D("99.98"),
        "verdict_id": "v1",
        "exit_reason": None,
        "note": "",
        "epoch": 1,
    }
    return OrderIntent(**(values | overrides))


def updated(cl_ord_id: str, status: OrdStatus, **overrides: object) -> OrderUpdated:
    """Return an answer of the broker about an order."""
    values: dict[str, Any] = {
        "cl_ord_id": cl_ord_id,
        "broker_order_id": f"B{cl_ord_id}",
        "status": status,
        "cum_qty": D(0),
        "in_doubt": False,
        "evidence": "report",
        "reason": "",
    }
    return OrderUpdated(**(values | overrides))


def fill(cl_ord_id: str, minute: int, **overrides: object) -> FillRecorded:
    """Return the fill of 10 IBM at 100.00 in the bar of a minute."""
    values: dict[str, Any] = {
        "broker": "SIM",
        "exec_key": f"X{cl_ord_id}",
        "exec_type": ExecType.TRADE,
        "exec_ref_key": "",
        "cl_ord_id": cl_ord_id,
        "broker_order_id": f"B{cl_ord_id}",
        "strategy": "open",
        "symbol": "IBM",
        "side": Side.BUY,
        "qty": D(10),
        "price": D("100.00"),
        "commission": D("0.10"),
        "ts": OPEN + timedelta(minutes=minute),
        "purpose": Purpose.ENTRY,
        "anomaly": "",
    }
    return FillRecorded(**(values | overrides))


def trade(**overrides: object) -> TradeClosed:
    """Return the round trip of the open strategy in IBM."""
    values: dict[str, Any] = {
        "strategy": "open",
        "symbol": "IBM",
        "direction": Direction.LONG,
        "size": D(10),
        "signal_time": OPEN + timedelta(minutes=20),
        "entry_time": OPEN + timedelta(minutes=21),
        "exit_time": OPEN + timedelta(minutes=35),
        "entry_price": D("100.00"),
        "exit_price": D("101.50"),
        "pnl": D("14.80"),
        "commission": D("0.20"),
        "broker": "SIM",
        "exit_reason": ExitReason.TARGET_HIT,
        "error_code": "",
    }
    return TradeClosed(**(values | overrides))


def closed(**overrides: object) -> SessionClosed:
    """Return the last record of the hand-made session."""
    values: dict[str, Any] = {
        "state": BotState.IDLE,
        "status": "CLOSED",
        "exit_reason": "session_end",
        "exit_code": 0,
        "flat": True,
        "trades": 3,
        "signals": 6,
        "realised_pnl": D("12.80"),
        "closing_cash": D("100012.80"),
    }
    return SessionClosed(**(values | overrides))


def session(first: SessionStarted | None = None) -> list[Entry]:
    """Return the journal of the whole session."""
    w = Writer()
    w.add(0, first or started())
    w.add(0, SelfChecked(name="risk", passed=True, detail="limits are complete"))
    w.add(0, StateChanged(previous=BotState.STARTED, state=BotState.IDLE, reason="ready"))
    for name, parts in (
        ("open", (0, 20, 30, 60, 60)),
        ("mid", (150, 165, 175, 205, 205)),
        ("close", (364, 369, 372, 387, 387)),
    ):
        start, analysis, breakout, end, leave = parts
        w.add(
            0,
            WindowPlanned(
                strategy=name,
                start=start,
                analysis_end=analysis,
                breakout_end=breakout,
                end=end,
                exit_minute=leave,
                skipped="",
            ),
        )
    _open_window(w)
    _mid_window(w)
    _close_window(w)
    w.add(390, closed())
    return w.entries


def quiet_session() -> list[Entry]:
    """Return the journal of a session in which nothing traded."""
    w = Writer()
    w.add(0, started(strategies=("open",)))
    w.add(20, _pool("open", 20, "IBM", "SPY"))
    for symbol, rank in (("IBM", 1), ("SPY", 2)):
        w.add(
            30,
            judged(
                "open",
                symbol,
                29,
                Stage.STRATEGY,
                Outcome.NO_SIGNAL,
                "STRAT_OPEN_BUFFER",
                "below_trigger",
                direction=None,
                pool_rank=rank,
                measured="largest move 0.004000, needed more than 0.02",
            ),
        )
    w.add(60, WindowClosed(strategy="open", minute=60, signals=0, entries=0))
    w.add(390, closed(trades=0, signals=0, realised_pnl=D(0), closing_cash=D(100000)))
    return w.entries


def bars() -> dict[str, list[Bar]]:
    """Return bars of IBM only: 100 before minute 21, then 0.10 more each minute up to 35."""
    closes = [100.0] * 21 + [100.0 + 0.1 * (i + 1) for i in range(15)] + [101.5] * 354
    return {
        "IBM": [
            Bar(minute, close, close + 0.05, close - 0.05, close, 1000.0)
            for minute, close in enumerate(closes)
        ]
    }


def _pool(strategy: str, minute: int, *symbols: str, skipped: tuple[Any, ...] = ()) -> PoolRanked:
    ranked = tuple(PoolEntry(s, 0.02 - 0.001 * i, i + 1) for i, s in enumerate(symbols))
    return PoolRanked(strategy=strategy, minute=minute, pool=ranked, skipped=skipped)


def _open_window(w: Writer) -> None:
    w.add(20, _pool("open", 20, "IBM", "SPY", "BAC"))
    w.add(21, judged("open", "IBM", 20, Stage.RISK, Outcome.ALLOWED, "risk", "ok"))
    w.add(21, intent("E1"), updated("E1", OrdStatus.NEW))
    w.add(22, fill("E1", 21), updated("E1", OrdStatus.FILLED, cum_qty=D(10)))
    w.add(22, _leg("T1", Purpose.TARGET, OrdType.LIMIT, limit_price=D("101.50")))
    w.add(22, updated("T1", OrdStatus.NEW))
    for minute in (22, 23):
        w.add(
            minute + 1,
            judged(
                "open",
                "SPY",
                minute,
                Stage.RISK,
                Outcome.BLOCKED,
                "max_trades",
                "limit_reached",
                pool_rank=2,
                measured="1 of 1",
            ),
        )
    w.add(
        30,
        judged(
            "open",
            "BAC",
            29,
            Stage.STRATEGY,
            Outcome.NO_SIGNAL,
            "STRAT_OPEN_BUFFER",
            "below_trigger",
            direction=None,
            pool_rank=3,
            measured="largest move 0.001",
        ),
    )
    w.add(36, _exit("T1", 35, Purpose.TARGET, "101.50"))
    w.add(36, updated("T1", OrdStatus.FILLED, cum_qty=D(10)), trade())
    w.add(60, WindowClosed(strategy="open", minute=60, signals=3, entries=1))


def _mid_window(w: Writer) -> None:
    w.add(165, _pool("mid", 165, "SPY", skipped=(("BAC", "too few analysis bars"),)))
    short = {"direction": Direction.SHORT}
    w.add(
        166,
        judged(
            "mid",
            "SPY",
            165,
            Stage.ENHANCEMENT,
            Outcome.BLOCKED,
            "adx",
            "adx_above_threshold",
            measured="ADX 26.31 > 25",
            **short,
        ),
    )
    w.add(167, judged("mid", "SPY", 166, Stage.RISK, Outcome.ALLOWED, "risk", "ok", **short))
    sold = {"strategy": "mid", "symbol": "SPY", "direction": Direction.SHORT, "qty": D(4)}
    w.add(167, intent("E2", side=Side.SELL_SHORT, signal_minute=166, **sold))
    filled = {"strategy": "mid", "symbol": "SPY", "qty": D(4), "commission": D(0)}
    w.add(168, fill("E2", 167, side=Side.SELL_SHORT, price=D("170.25"), **filled))
    w.add(168, updated("E2", OrdStatus.FILLED, cum_qty=D(4)))
    stop = {"stop_price": D("170.75"), "purpose": Purpose.STOP, "ord_type": OrdType.STOP}
    bought = {"side": Side.BUY_TO_COVER, "exit_reason": ExitReason.STOP_LOSS}
    w.add(168, intent("S2", signal_minute=167, **(sold | stop | bought)))
    cover = {"side": Side.BUY_TO_COVER, "purpose": Purpose.STOP, "price": D("170.75")}
    w.add(171, fill("S2", 170, **(filled | cover)))
    w.add(171, updated("S2", OrdStatus.FILLED, cum_qty=D(4)))
    w.add(
        171,
        trade(
            strategy="mid",
            symbol="SPY",
            direction=Direction.SHORT,
            size=D(4),
            signal_time=OPEN + timedelta(minutes=166),
            entry_time=OPEN + timedelta(minutes=167),
            exit_time=OPEN + timedelta(minutes=170),
            entry_price=D("170.25"),
            exit_price=D("170.75"),
            pnl=D("-2.00"),
            commission=D(0),
            exit_reason=ExitReason.STOP_LOSS,
        ),
    )
    w.add(205, WindowClosed(strategy="mid", minute=205, signals=2, entries=1))


def _close_window(w: Writer) -> None:
    w.add(369, _pool("close", 369, "BAC"))
    w.add(369, judged("close", "BAC", 369, Stage.RISK, Outcome.ALLOWED, "risk", "ok"))
    held = {"strategy": "close", "symbol": "BAC", "qty": D(100)}
    w.add(370, intent("E3", signal_minute=369, **held))
    priced = {"price": D("14.00"), "commission": D(0)}
    w.add(371, fill("E3", 370, **held, **priced))
    w.add(371, updated("E3", OrdStatus.FILLED, cum_qty=D(100)))
    leave = {"side": Side.SELL, "purpose": Purpose.EXIT}
    w.add(387, intent("X3", exit_reason=ExitReason.TIMEOUT, **(held | leave)))
    w.add(388, fill("X3", 387, **(held | priced | leave)))
    w.add(388, updated("X3", OrdStatus.FILLED, cum_qty=D(100)))
    w.add(
        388,
        trade(
            strategy="close",
            symbol="BAC",
            size=D(100),
            signal_time=OPEN + timedelta(minutes=369),
            entry_time=OPEN + timedelta(minutes=370),
            exit_time=OPEN + timedelta(minutes=387),
            entry_price=D("14.00"),
            exit_price=D("14.00"),
            pnl=D(0),
            commission=D(0),
            exit_reason=ExitReason.TIMEOUT,
        ),
    )
    w.add(388, WindowClosed(strategy="close", minute=387, signals=1, entries=1))


def _leg(name: str, purpose: Purpose, ord_type: OrdType, **more: Any) -> OrderIntent:
    return intent(
        name,
        side=Side.SELL,
        purpose=purpose,
        ord_type=ord_type,
        exit_reason=ExitReason.TARGET_HIT,
        oco_group="G1",
        verdict_id="",
        **more,
    )


def _exit(name: str, minute: int, purpose: Purpose, price: str) -> FillRecorded:
    return fill(name, minute, side=Side.SELL, purpose=purpose, price=D(price))
