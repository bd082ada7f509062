"""What the logs page may read: files of the table, from their end, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import LogicError
from rigd.core.values import BotIdentity
from rigd.reporting import shown_logs
from rigd.reporting.shown_logs import Line, listing, parsed, path_of, tail
from rigd.store.paths import Home

if TYPE_CHECKING:
    from pathlib import Path

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")


def test_the_listing_has_the_sizes_of_what_exists(tmp_path: Path) -> None:
    """A file that is not there (yet) has none; without a bot its files are left out."""
    home = Home(tmp_path)
    home.logs.mkdir(parents=True)
    (home.logs / "main_bot.log").write_text("12345")
    sizes = {file.name: file.size for file in listing(home, BOT)}
    assert sizes["main_bot.log"] == 5
    assert sizes["open.log"] is None
    assert "open.log" not in {file.name for file in listing(home, None)}


@pytest.mark.parametrize(
    "name", ["", "status.json", "../../env/keys/env.key", "journal.log", "main_bot.log\0", "a" * 99]
)
def test_only_shown_files_have_a_path(tmp_path: Path, name: str) -> None:
    """S12: any other name is refused."""
    with pytest.raises(LogicError, match="logs page"):
        path_of(Home(tmp_path), BOT, name)


def test_the_last_rows_are_read(tmp_path: Path) -> None:
    """The newest rows that hold the text, oldest first."""
    log = tmp_path / "x"
    log.write_text("".join(f"row {n}\n" for n in range(1000)))
    assert [line.text for line in tail(log, 2)] == ["row 998", "row 999"]
    assert [line.text for line in tail(log, 9, containing="ROW 99")][:1] == ["row 991"]


def test_a_huge_log_costs_one_window(tmp_path: Path) -> None:
    """Of two gigabytes only the last megabyte is read, and no broken first row is shown."""
    log = tmp_path / "x"
    with log.open("wb") as file:
        file.truncate(2 * 1024**3)
        file.seek(0, 2)
        file.write(b"\nlast row\n")
    assert [line.text for line in tail(log, 1)] == ["last row"]
    assert len(tail(log, 400)) <= 400


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A log that points elsewhere has no rows."""
    secret = tmp_path / "secret"
    secret.write_text("key\n")
    (tmp_path / "x").symlink_to(secret)
    assert tail(tmp_path / "x") == []
    assert tail(tmp_path / "missing") == []


def test_rows_below_a_level_are_left_out(tmp_path: Path) -> None:
    """Rows without a level stay, because nobody knows how severe they are."""
    log = tmp_path / "x"
    log.write_text('{"level":"INFO","event":"a"}\n{"level":"ERROR","event":"b"}\nplain\n')
    assert [line.event or line.text for line in tail(log, level="WARNING")] == ["b", "plain"]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("plain", Line("", "", "", "plain", "plain")),
        ("[1]", Line("", "", "", "[1]", "[1]")),
        (
            '{"timestamp":"t","level":"INFO","event":"e","message":"m"}',
            Line(
                "t", "INFO", "e", "m", '{"timestamp":"t","level":"INFO","event":"e","message":"m"}'
            ),
        ),
        (
            '{"event":"e","pid":7,"x":null}',
            Line("", "", "e", "pid 7", '{"event":"e","pid":7,"x":null}'),
        ),
    ],
)
def test_a_row_is_taken_apart(row: str, line: Line) -> None:
    """JSON in its parts, what has no message by its fields, anything else as text."""
    assert parsed(row) == line


def test_hidden_characters_are_shown() -> None:
    """S18: escape sequences of a terminal become visible."""
    assert parsed("a\x1b[31mb").text == "a\\x1b[31mb"


def test_the_log_of_tests_is_known() -> None:
    """Document 070 names it."""
    assert shown_logs.test_log() == "test_mode.log"
