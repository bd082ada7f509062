"""Who is asked for metrics, and that a session with a key leaves no trace of it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import zipfile
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from rigd.core.errors import SecretError
from rigd.core.events import CandidateJudged, OrderIntent
from rigd.hosts import engine_run, launch_ticket
from rigd.hosts.bot import env_door, keyring
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.fundamentals import online_fundamentals
from rigd.market.sample import SAMPLE_DAY
from rigd.store.locks import SessionLock
from rigd.vault.api_keys import FINNHUB
from rigd.vault.secrets import SCREENER, SecretStore
from tests.fakes.clock import FakeClock
from tests.fakes.finnhub import FakeFinnhub, serving
from tests.fakes.ids import FakeIds
from tests.hosts.homes import ONE_SYMBOL, bot_of, listing, production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rigd.store.paths import Home

VALUE = "canary+0123/456789%abcdef~KEY="
"""Made of characters that encodings change."""

TODAY = datetime.combine(SAMPLE_DAY, time(14), UTC)
ERROR = (500, b'{"error": "token=KEY"}', {})


@pytest.fixture
def service() -> Iterator[FakeFinnhub]:
    with serving() as found:
        yield found


def with_screener(root: Path, content: object) -> Home:
    """A home of PRODUCTION at the simulated broker, with what the screener's secret file holds."""
    home = production(root)
    SecretStore(env_door(home), keyring(home)).write(SCREENER, json.dumps(content).encode())
    return home


def ran(home: Home, clock: FakeClock) -> EngineRun:
    """A session that ran to its end."""
    bot = bot_of(home)
    with SessionLock(home.bot(bot.identity).launch_lock, what="rigd session", clock=clock):
        os.environ.update(launch_ticket.issue(bot, f"{SAMPLE_DAY}_1", FakeIds()))
        ticket = launch_ticket.redeem(bot)
    run = EngineRun(bot, ONE_SYMBOL, clock, FakeIds(), ticket=ticket)
    asyncio.run(run.run())
    return run


@pytest.fixture
def on_loopback(service: FakeFinnhub, monkeypatch: pytest.MonkeyPatch) -> FakeFinnhub:
    """Sessions ask the service of this test."""

    def here(bot, settings, day, clock):
        return online_fundamentals(bot, settings, day, clock, service.url)

    monkeypatch.setattr(engine_run, "online_fundamentals", here)
    return service


def forms(secret: str) -> dict[str, bytes]:
    """A secret in each way in which it may have been written down."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "utf-16": secret.encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "address": quote(secret, safe="").encode(),
        "address, some": quote(secret).encode(),
        "json": json.dumps(secret).strip('"').encode(),
        "html": secret.replace("&", "&amp;").encode(),
        "reversed": raw[::-1],
    }
    for shift in range(3):
        # The middle of a text in base64 looks one of three ways, by where it begins.
        coded = base64.b64encode(b"\0" * shift + raw)
        found[f"base64 {shift}"] = coded[4 if shift else 0 : -4]
        found[f"base64url {shift}"] = coded.translate(bytes.maketrans(b"+/", b"-_"))[4:-4]
    return found


def leaks(content: dict[str, bytes], secret: str = VALUE) -> list[str]:
    """Name and form of each trace of a secret, in archives too."""
    found = []
    for name, data in content.items():
        found += [f"{name}: {form}" for form, text in forms(secret).items() if text in data]
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inside = {f"{name}/{each}": archive.read(each) for each in archive.namelist()}
            found += leaks(inside, secret)
    return found


@pytest.mark.parametrize("form", forms(VALUE))
def test_the_search_finds_each_form(form: str) -> None:
    """The search below sees a planted key, so that an empty finding means something."""
    assert leaks({"log": b"x = " + forms(VALUE)[form] + b"\n"})


def test_the_search_looks_into_archives() -> None:
    """A backup is an archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", VALUE * 9)
    assert leaks({"backup.zip": held.getvalue()})


@pytest.mark.parametrize("replies", [[], [ERROR] * 999], ids=["answers", "fails"])
def test_a_session_leaves_no_trace_of_the_key(
    tmp_path, on_loopback: FakeFinnhub, replies, caplog, capfd
) -> None:
    """INVENTORY E19: no file, log, environment or output holds the key, in any of its forms.

    The service is asked with the key; in the second case it fails and repeats the key each time.
    """
    home = with_screener(tmp_path / "home", {FINNHUB: VALUE})
    on_loopback.replies = list(replies)
    caplog.set_level(logging.DEBUG)
    run = ran(home, FakeClock(TODAY))
    assert set(on_loopback.tokens) == {VALUE}
    assert on_loopback.asked
    written = listing(home.root)
    assert any(name.endswith("journal.log") for name in written)
    assert any(name.endswith("screener_api.json.enc") for name in written)
    shown = capfd.readouterr()
    outputs = {
        **written,
        "log": caplog.text.encode(),
        "stdout": shown.out.encode(),
        "stderr": shown.err.encode(),
        "environment": repr(dict(os.environ)).encode(),
        "records": repr(run.entries()).encode(),
        "bot": repr(bot_of(home)).encode(),
        "addresses": repr(on_loopback.paths).encode(),
    }
    assert leaks(outputs) == []


def rules(run: EngineRun) -> list[str]:
    """Reasons that the guard gave, in order, from rows and orders."""
    found = []
    for entry in run.entries():
        record = entry.record
        if isinstance(record, CandidateJudged) and record.rule == "fundamentals":
            found.append(record.reason)
        elif isinstance(record, OrderIntent):
            found += [each.reason for each in record.checks if each.rule == "fundamentals"]
    return found


def test_the_guard_blocks_by_what_finnhub_says(tmp_path, on_loopback: FakeFinnhub) -> None:
    """INVENTORY E18, E19, E20: the key is used, and a symbol is asked for once a day."""
    home = with_screener(tmp_path / "home", {FINNHUB: VALUE})
    on_loopback.metric = {"peNormalizedAnnual": 50.1}
    assert set(rules(ran(home, FakeClock(TODAY)))) == {"pe_above_maximum"}
    assert on_loopback.asked == ["FB"]
    cache = home.cache / f"fundamentals_{SAMPLE_DAY}.json"
    assert json.loads(cache.read_bytes())["symbols"]["FB"]["peNormalizedAnnual"] == 50.1


def test_a_session_of_another_day_asks_nobody(tmp_path, on_loopback: FakeFinnhub) -> None:
    """Today's metrics were not known on a past day."""
    home = with_screener(tmp_path / "home", {FINNHUB: VALUE})
    assert set(rules(ran(home, FakeClock(TODAY + timedelta(days=1))))) == {"missing_fundamentals"}
    assert on_loopback.asked == []


def test_without_a_key_or_a_guard_nobody_is_asked(tmp_path) -> None:
    """The demo has no key; a guard that is off asks nothing, and the key is not read."""
    clock = FakeClock(TODAY)
    home = with_screener(tmp_path / "home", {})
    bot = bot_of(home)
    assert online_fundamentals(bot, bot.settings, SAMPLE_DAY, clock) is None
    SecretStore(env_door(home), keyring(home)).write(SCREENER, b"no json")
    off = bot.settings.model_copy(update={"enable_fundamental_guard": False})
    assert online_fundamentals(bot, off, SAMPLE_DAY, clock) is None
    with pytest.raises(SecretError, match="JSON object"):
        online_fundamentals(bot, bot.settings, SAMPLE_DAY, clock)
