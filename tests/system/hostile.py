"""A home whose every free text is hostile: what a broker, a provider, a person or a file may say.

The files are those of a real session, made by the writers of the product where these let the text
through, so that what a page reads is whole; only what it says is not what it should be.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rigd.config.digest import digest
from rigd.core.clock import from_iso
from rigd.core.orders import OrdStatus
from rigd.core.values import Side
from rigd.ledger.book import Ledger
from rigd.ledger.chart import CHART
from rigd.store.chainlog import ChainLog
from rigd.store.journal import genesis, open_journal
from rigd.store.registry import Registry
from tests.factories import settings
from tests.ledger import books
from tests.reporting.journals import OPEN, Writer, intent, started, updated
from tests.system.payloads import PAYLOADS, packed
from tests.widgets.world import BOT, DAY, world
from widgets.dashboard import ORDERS
from widgets.facts import CHART_FOLDER, PROPOSALS_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widgets.world import World

EVERYTHING = " ".join(PAYLOADS)
SHORT = [text for text in PAYLOADS if len(text) <= 60 and text.isprintable()]
"""Those that the chart of accounts takes as a name."""
ONE_LINE = [text.replace("\t", " ").replace("\n", " ") for text in PAYLOADS]
"""As the books take them."""
IN_ACCOUNT_ID = "<svg onload=hit(0)>"
"""All that fits into the id of an account."""
AT = "2024-03-01T10:00:00Z"
NEVER = "2999-01-01T00:00:00Z"
SESSION = 2
LINES = 4
"""Of what waits for a person; each is a handful of widgets."""


def hostile(root: Path) -> World:
    """A home with a session, books, proposals and all other files of the panel."""
    made = world(root)
    _status(made)
    _journal(made)
    _books(made)
    _logs(made)
    _chart(made)
    _proposals(made)
    _universe(made)
    return made


def _status(made: World) -> None:
    """What the engine, its broker, the alerts and the waiting entries say."""
    line = {"qty": "1", "entry_price": EVERYTHING, "mark": "1"}
    strategies = [{"name": "open", "window_minutes": EVERYTHING, "trades": EVERYTHING}]
    made.status(
        session=f"{DAY}_{SESSION}",
        positions=[line | {"symbol": text, "strategy": text} for text in PAYLOADS],
        limits={text: text for text in PAYLOADS},
        strategies=strategies,
        marks=list(PAYLOADS),
        kill_switch={"tripped": True, "cause": EVERYTHING},
        **dict.fromkeys(
            (
                *("reason", "risk_mode", "bot", "broker", "pid", "data_label", "market_time"),
                *("updated_at", "currency", "exit_code", "signals"),
            ),
            EVERYTHING,
        ),
    )
    steps = [{"name": text, "passed": False, "detail": text} for text in PAYLOADS]
    made.write("termination.json", {"session": EVERYTHING, "steps": steps})
    made.write("defense_state.json", {"on": True, "trigger": EVERYTHING, "latest": EVERYTHING})
    made.write("provisioning_status.json", dict.fromkeys(("state", "profile", "at"), EVERYTHING))
    pending = [
        {
            "alert": dict.fromkeys(("number", "event", "cause", "timestamp"), text)
            | {"critical": True}
        }
        for text in packed(LINES)
    ]
    made.write("alerts.json", {"pending": pending})
    names = ("strategy", "symbol", "side", "qty", "price")
    asked = {"asked": AT, "expires": NEVER}
    waiting = {text: dict.fromkeys(names, text) | asked for text in packed(LINES)}
    made.write("confirmations.json", waiting)


def _journal(made: World) -> None:
    """Orders by symbols and answers that a broker and a provider sent, and trades of them."""
    writer = Writer()
    held = settings()
    values = {"settings": held.public_items(), "config_digest": digest(held)}
    symbols = tuple(PAYLOADS)
    writer.add(0, started(number=SESSION, data_label=EVERYTHING, symbols=symbols, **values))
    for number, text in enumerate(packed(ORDERS)):
        order = f"R{number}"
        writer.add(20, intent(order, symbol=text, note=text))
        writer.add(21, updated(order, OrdStatus.REJECTED, reason=text, evidence=text))
    where = {"day": DAY, "number": SESSION}
    path = Registry(made.home, BOT, **where).path("journal.log")
    path.parent.mkdir(parents=True)
    journal = open_journal(path, genesis(BOT, DAY, SESSION), 4096)
    for entry in writer.entries:
        journal.append(entry.at, entry.record)
    journal.sync()
    journal.log.close()
    trades = [
        {
            "session": f"{DAY}_{SESSION}",
            "strategy_name": text,
            "ticker": text,
            "side": text,
            "timestamp": (OPEN + timedelta(minutes=number)).isoformat(),
            "PnL": "1",
            "exit_reason": text,
        }
        for number, text in enumerate(PAYLOADS)
    ]
    made.write("session/trade_history.json", trades, **where)


def _books(made: World) -> None:
    """Books of a broker that calls everything by hostile names."""
    path = made.home.bot(BOT).ledger_db
    path.unlink()
    account = replace(books.ACCOUNT, account_id=IN_ACCOUNT_ID, broker=IN_ACCOUNT_ID)
    held = Ledger(books.connect(path), identity=IN_ACCOUNT_ID, account=account)
    books.post_all(
        held,
        replace(books.started(bot=IN_ACCOUNT_ID), broker=account.broker),
        *(
            books.fill(
                text,
                Side.BUY,
                "1",
                "100",
                symbol=text,
                strategy=text,
                minute=number,
                broker=account.broker,
            )
            for number, text in enumerate(ONE_LINE)
        ),
    )
    held.close()


def _logs(made: World) -> None:
    """Rows as they are written, rows in their parts, torn ones, and the rows of a run of tests."""
    parts = ("timestamp", "level", "event", "message")
    rows = [json.dumps(dict.fromkeys(parts, text)) for text in PAYLOADS]
    rows += [json.dumps({text: text, "level": "ERROR"}) for text in PAYLOADS]
    rows += [text.replace("\n", "\r") for text in PAYLOADS]
    made.write("main_bot.log", "\n".join(rows) + "\n")
    errors = [
        json.dumps({"timestamp": AT, "level": "ERROR", "event": text, "message": text})
        for text in packed(LINES)
    ]
    made.write("error_tracebacks.log", "\n".join(errors) + "\n")
    tests = []
    for text in PAYLOADS:
        tests.append({"timestamp": AT, "event": "test_started", "message": f"{text} begins"})
        tests.append({"timestamp": AT, "event": text, "message": text})
        tests.append({"timestamp": AT, "event": "test_ended", "message": f"FAILED: {text}"})
    made.write("test_mode.log", "".join(json.dumps(row) + "\n" for row in tests))


def _chart(made: World) -> None:
    """Versions of the chart with names and reasons that somebody typed."""
    folder = made.home.env / CHART_FOLDER
    folder.mkdir(parents=True)
    names = {account.number: account.name for account in CHART}
    names |= {5900 + number: text for number, text in enumerate(SHORT)}
    accounts = [{"number": number, "name": names[number]} for number in sorted(names)]
    for number, text in enumerate(PAYLOADS, start=2):
        version = {"version": number, "follows": number - 1, "accounts": accounts}
        version |= {"at": text, "by": text, "why": text}
        (folder / f"{number:06d}.json").write_text(json.dumps(version))


def _proposals(made: World) -> None:
    """One proposal of many words, and others by hostile people."""
    folder = made.home.env / PROPOSALS_FOLDER
    folder.mkdir(parents=True)
    log = ChainLog.create(
        Registry(made.home, BOT).path("proposals.log"), f"rigd proposals {BOT}", 4096
    )
    for number, text in enumerate(PAYLOADS, start=1):
        whole = PAYLOADS if number == len(PAYLOADS) else (text,)
        content = {
            "version": number,
            **dict.fromkeys(("strategy", "study", "proposed_by", "proposed_at"), text),
            "approvable": True,
            "changes": [[each, each, each] for each in whole],
            "findings": [
                {"rule": each, "holds": False, "found": each, "limit": each} for each in whole
            ],
            "chosen": {"params": {each: each for each in whole}},
        }
        (folder / f"{number:06d}_mid.json").write_text(json.dumps(content))
        for each in whole:
            row = {"version": number, "by": each, "hash": each, "reason": each}
            log.append(from_iso(AT), "proposed", row)
    log.sync()
    log.close()


def _universe(made: World) -> None:
    """A universe of hostile symbols, names, sectors and reasons."""
    members = [{"symbol": text, "name": text, text: text} for text in PAYLOADS]
    universe = {
        "symbols": members,
        "counts": dict.fromkeys(("members", "rejected"), EVERYTHING),
        "rejected": {text: [text] for text in PAYLOADS},
        "criteria": {text: text for text in PAYLOADS},
        **dict.fromkeys(("origin", "built_at", "day", "dated", "version"), EVERYTHING),
    }
    made.write("symbol_universe.json", universe)
    made.write("universe_state.json", dict.fromkeys(("status", "stage"), EVERYTHING))
