"""Engines and brokers as processes of their own, and what the broker's own log tells of them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.hosts.request import SessionRequest
from tests.system.evidence import read_broker_log
from tests.system.processes import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EARLY = (
    ("STATUS_INTERVAL_MS", "100"),
    ("STRATEGY_OVERRIDE", "close"),
    ("START_TIME_CLOSE", "open+5m"),
    ("CLOSE_MONITORING_TIME", "120"),
    ("STRAT_CLOSE_THRESHOLD", "0.000001"),
    ("STRAT_CLOSE_VIX_THRESHOLD", "0"),
    ("TRAIL_PCT_CLOSE", "0.3"),
    ("STOP_PCT_CLOSE", "0.2"),
)
"""A position from the twelfth minute on that is held for two hours, with a stop that rests."""
PACED = (
    *("--speed", "300", "--symbols", "FB"),
    *(word for key, value in EARLY for word in ("--set", f"{key}={value}")),
)
REQUEST = SessionRequest(speed=300.0, symbols=("FB",), overrides=EARLY).to_json()
ACCOUNT = "RIGD_USA_SIM_01"


@contextmanager
def engine(home: Path) -> Iterator[Running]:
    """An engine of its own process, without papermill; killed at the end if it still runs."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "tests.system.engine_process", str(home), REQUEST],
        env=dict(os.environ) | {HOME_VARIABLE: str(home)},
        cwd=checkout(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Running(process, home)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def broker_server(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The home's simulated broker as a process of its own."""
    log = home / "runs" / "simulated_broker" / f"{ACCOUNT}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "rigd.hosts.devserver", "--log", str(log), *options],
        cwd=checkout(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def standing(home: Path) -> dict[str, object]:
    """What the broker's own log tells: held quantities and open orders."""
    log = home / "runs" / "simulated_broker" / f"{ACCOUNT}.log"
    held: dict[str, object] = {}
    orders: dict[str, dict] = {}
    for change in read_broker_log(log):
        if change["is"] == "taken":
            orders[change["request"]["cl_ord_id"]] = {
                **change["request"],
                "open": change["status"] == "NEW",
                "left": change["request"]["qty"],
            }
        elif change["is"] == "status":
            orders[change["cl_ord_id"]]["open"] = False
        elif change["is"] == "executed":
            order = orders[change["cl_ord_id"]]
            order["left"] -= change["qty"]
            order["open"] = order["open"] and order["left"] > 0
            sign = 1 if order["side"] in {"buy", "buy_to_cover"} else -1
            held[order["symbol"]] = held.get(order["symbol"], 0) + sign * change["qty"]
    left = {symbol: qty for symbol, qty in held.items() if qty}
    return left | {name: order["left"] for name, order in orders.items() if order["open"]}
