"""U10: the logs page shows exactly the files of the table that are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Role
from tests.widgets.world import ATTACK, elements, empty_world, markup, press, words, world
from widgets.logs import Logs

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = [
    "main_bot.log",
    "system_logs.log",
    "heartbeat.log",
    "router.log",
    "screener.log",
    "kill_switch.log",
    "provisioning.log",
    "provisioning_status.json",
    "auth_web.log",
    "security_users.log",
    "system_users.log",
    "user_activity_monitoring.log",
    "start_log",
    "stop_log",
    "password_reset_tokens.log",
    "open.log",
    "mid.log",
    "close.log",
    "unresolved_orders.log",
    "error_tracebacks.log",
    "daily_summary.json",
    "disaster_mode.log",
    "test_mode.log",
    "broker_api.log",
]
"""INVENTORY L1-L35: what is shown."""
HIDDEN = [
    "status.json",
    "trade_history.csv",
    "trade_history.json",
    "session_summary.json",
    "journal.log",
    "init_system_logs.log",
    "init_system_users.log",
    "ledger.db",
]
"""L16-L19, L26, L28-L30: what is not."""


def test_it_lists_the_shown_files_and_no_others(tmp_path: Path) -> None:
    """Every shown file has its button, no hidden one has."""
    listed = set(world(tmp_path).page(Logs)._buttons)
    assert set(SHOWN) <= listed
    assert not set(HIDDEN) & listed


def test_a_file_that_does_not_exist_cannot_be_opened(tmp_path: Path) -> None:
    """Its button is off; the one that exists is on and chosen first."""
    page = world(tmp_path).page(Logs)
    assert page._buttons["kill_switch.log"].disabled
    assert not page._buttons["main_bot.log"].disabled
    assert "main_bot.log" in words(page.head)
    assert words(page.rows) == "t1 INFO started"


def test_rows_are_filtered_by_text_and_level(tmp_path: Path) -> None:
    """Only rows that hold the text and are severe enough."""
    made = world(tmp_path)
    rows = [("INFO", "alpha"), ("ERROR", "alpha"), ("ERROR", "beta")]
    made.write(
        "main_bot.log",
        "".join(json.dumps({"level": level, "event": event}) + "\n" for level, event in rows),
    )
    page = made.page(Logs)
    page.filter.value, page.level.value = "ALPHA", "ERROR"
    page.draw(page.read())
    assert words(page.rows) == "ERROR alpha"


def test_following_shows_new_rows_and_a_pause_does_not(tmp_path: Path) -> None:
    """Paused, the rows stay as they are until following again."""
    made = world(tmp_path)
    page = made.page(Logs)
    press(page.follow)
    made.write("main_bot.log", '{"event":"later"}\n')
    page.draw(page.read())
    assert words(page.rows) == "t1 INFO started"
    press(page.follow)
    page.draw(page.read())
    assert words(page.rows) == "later"


def test_another_file_is_chosen_by_its_button(tmp_path: Path) -> None:
    """The rows and the link to download are those of the chosen file."""
    made = world(tmp_path)
    made.write("open.log", "plain words\n")
    page = made.page(Logs)
    press(page._buttons["open.log"])
    page.draw(page.read())
    assert words(page.rows) == "plain words"
    links = [held["href"] for name, held in elements(page.head.value) if name == "a"]
    assert links == ["/download/log/open.log"]


@pytest.mark.parametrize("name", ["../../env/keys/env.key", "/etc/passwd", "status.json", ""])
def test_only_a_name_of_the_table_is_taken(tmp_path: Path, name: str) -> None:
    """S12: a forged choice leads nowhere."""
    page = world(tmp_path).page(Logs)
    page.choose(name)
    assert page.read().chosen == "main_bot.log"


def test_who_is_logged_out_cannot_choose(tmp_path: Path) -> None:
    """The role is asked at the press."""
    made = world(tmp_path)
    made.write("open.log", "x\n")
    page = made.page(Logs)
    made.session.role = None
    page.choose("open.log")
    assert page._chosen == ""
    made.session.role = Role.VIEWER
    page.choose("open.log")
    assert page._chosen == "open.log"


def test_a_hostile_line_stays_text(tmp_path: Path) -> None:
    """S09, S18: markup in a log, in JSON or not, is shown as text."""
    made = world(tmp_path)
    made.write("main_bot.log", ATTACK + "\n" + json.dumps({"message": ATTACK, "event": ATTACK}))
    page = made.page(Logs)
    assert words(page.rows).count("onerror=alert(1)") == 3
    assert {name for name, _ in elements(markup(page.rows))} == {"div", "span"}


def test_an_empty_home_has_a_logs_page(tmp_path: Path) -> None:
    """Without any log it says so."""
    assert "no log yet" in words(empty_world(tmp_path).page(Logs).view)
