from __future__ import annotations

import pytest

from rigd.core.errors import LogicError, StorageError
from rigd.core.lifecycle import BotState
from rigd.hosts.bot_state import BotStateFile
from rigd.store.paths import Home
from tests.house.tree import modules, text


@pytest.mark.parametrize("state", BotState)
def test_each_state_is_published_as_one_word(tmp_path, state) -> None:
    """The file holds exactly one of the 16 words."""
    home = Home(tmp_path)
    BotStateFile(home).write(state.value)
    assert (home.control / "bot_state.txt").read_text() == f"{state.value}\n"


def test_nothing_else_is_ever_published(tmp_path) -> None:
    """A word that is no state changes nothing."""
    home = Home(tmp_path)
    file = BotStateFile(home)
    file.write("KILL_PENDING")
    assert not (home.control / "bot_state.txt").exists()
    file.write("trading")
    file.write("")
    assert (home.control / "bot_state.txt").read_text() == "trading\n"


def test_an_unchanged_state_is_not_written_again(tmp_path) -> None:
    """It is looked at several times a second."""
    home = Home(tmp_path)
    file = BotStateFile(home)
    file.write("trading")
    (home.control / "bot_state.txt").unlink()
    file.write("trading")
    assert not (home.control / "bot_state.txt").exists()


def test_a_state_that_the_disk_refused_is_written_the_next_time(tmp_path) -> None:
    """What was not published does not count as published."""
    home = Home(tmp_path)
    file = BotStateFile(home)
    home.runs.mkdir()
    home.control.touch()
    with pytest.raises(StorageError):
        file.write("trading")
    home.control.unlink()
    file.write("trading")
    assert (home.control / "bot_state.txt").read_text() == "trading\n"


def test_a_step_that_is_not_in_the_table_is_never_published(tmp_path) -> None:
    """The first start goes through the states of the table; a defect does not get into the file."""
    home = Home(tmp_path)
    file = BotStateFile(home)
    file.step(BotState.INITIALIZE)
    file.step(BotState.PROVISIONING)
    with pytest.raises(LogicError):
        file.step(BotState.TRADING)
    assert (home.control / "bot_state.txt").read_text() == "provisioning\n"


def test_bot_state_has_one_writing_module() -> None:
    """No other module of rigd writes the file (070)."""
    found = [
        name
        for name in modules("rigd", "widgets")
        if '.write("bot_state.txt"' in text(name) or '.claim("bot_state.txt"' in text(name)
    ]
    assert found == ["rigd/hosts/bot_state.py"]
