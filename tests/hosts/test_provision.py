from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date

import pytest

from rigd.core.errors import ConfigError, SecretError
from rigd.hosts.bot import is_provisioned
from rigd.hosts.provision import provision_for, provision_home
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.hosts.homes import SAMPLE, listing


def test_what_was_made_is_on_record(tmp_path) -> None:
    """provisioning.log has a line per file, the status file all of them, both say TEST."""
    home = Home(tmp_path)
    provision_home(home, FakeClock())
    lines = (home.logs / "provisioning.log").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["profile"] for row in rows} == {"TEST"}
    assert {row["timestamp"] for row in rows} == {"2024-03-04T14:00:00Z"}
    status = json.loads((home.logs / "provisioning_status.json").read_bytes())
    assert (status["profile"], status["state"]) == ("TEST", "provisioned")
    assert sorted(row["file"] for row in rows) == [f"env/{name}" for name in status["files"]]
    for row in rows:
        assert (home.root / row["file"]).is_file()


def test_what_was_there_is_kept(tmp_path) -> None:
    """A second time no key and no secret changes."""
    home = Home(tmp_path)
    provision_home(home, FakeClock())
    before = listing(home.env)
    provision_home(home, FakeClock())
    assert listing(home.env) == before


def test_a_session_that_can_run_provisions_its_home(tmp_path) -> None:
    """The first request makes the demo."""
    home = Home(tmp_path)
    provision_for(home, SAMPLE, FakeClock())
    assert is_provisioned(home)


@pytest.mark.parametrize(
    "request_",
    [replace(SAMPLE, day=date(2012, 11, 17)), replace(SAMPLE, overrides=(("MAX_TRADES", "x"),))],
)
def test_a_session_that_cannot_run_makes_nothing(tmp_path, request_) -> None:
    """A bad day or setting leaves an empty home empty."""
    with pytest.raises(ConfigError):
        provision_for(Home(tmp_path), request_, FakeClock())
    assert listing(tmp_path) == {}


def test_broken_settings_that_lie_there_make_nothing(tmp_path) -> None:
    """A readable .env_bot counts before anything is made; file and line are named."""
    home = Home(tmp_path)
    home.env.mkdir()
    (home.env / ".env_bot").write_text("MAX_TRADES=x\n")
    before = listing(tmp_path)
    with pytest.raises(ConfigError, match=r"env/\.env_bot:1: MAX_TRADES"):
        provision_for(home, SAMPLE, FakeClock())
    assert listing(tmp_path) == before


@pytest.mark.parametrize("name", [".env_bot.enc", "secrets/bot_identity.json.enc", ""])
def test_a_bot_with_books_never_gets_the_demos_settings(tmp_path, name) -> None:
    """Settings, identity or all of env/ gone: refused, for the demo's limits are not the bot's."""
    home = Home(tmp_path)
    provision_for(home, SAMPLE, FakeClock())
    ledgers = home.runs / "RIGD_USA_SIM_01" / "ledgers"
    ledgers.mkdir(parents=True)
    (ledgers / "RIGD_USA_SIM_01_BOT_ledger.db").write_bytes(b"books")
    if name:
        (home.env / name).unlink()
    else:
        shutil.rmtree(home.env)
    before = listing(tmp_path)
    with pytest.raises(
        SecretError, match=f"RIGD_USA_SIM_01 has books and must have .*{name}"
    ) as caught:
        provision_for(home, SAMPLE, FakeClock())
    assert "restore env/" in caught.value.fix
    assert listing(tmp_path) == before
