"""Hot settings: difference, validation before sending, one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from rigd.core.errors import ConfigError
from tests.factories import settings
from tests.widgets.world import empty_world, is_shown, press, words, world
from widgets.settings import Reading, SettingsPage, changed, lines_of

if TYPE_CHECKING:
    from pathlib import Path


def opened(tmp_path: Path, *, may_edit: bool = True) -> tuple:
    """A page over the documents' defaults with MAX_TRADES=4."""
    made = world(tmp_path)
    page = SettingsPage(made.desk)
    page.draw(Reading(settings(MAX_TRADES="4"), "in force", may_edit))
    return made, page


def want(page: SettingsPage, key: str, value: str) -> None:
    """Choose a key, type a value, press Add."""
    page.key.value = key
    page.value.value = value
    press(page.add)


def test_every_key_stands_with_its_value_and_meaning(tmp_path: Path) -> None:
    """The list has each key of the template; a filter narrows it."""
    _, page = opened(tmp_path)
    assert "MAX_TRADES 4 hot Entries per strategy session" in words(page.list)
    assert "LOG_FORMAT json next start" in words(page.list)
    page.filter.value = "log_format"
    page.draw(Reading(settings(MAX_TRADES="4"), "in force", may_edit=True))
    assert "MAX_TRADES" not in words(page.list)


def test_the_difference_is_shown_before_it_is_sent(tmp_path: Path) -> None:
    """Key, value now, value then, and when it takes effect."""
    _, page = opened(tmp_path)
    want(page, "MAX_TRADES", "3")
    want(page, "WEIGHTS", "0.5,0.3,0.2")
    assert "MAX_TRADES 4 3 hot" in words(page.diff)


@pytest.mark.parametrize("value", ["-1", "many", "1e9", "<b>"])
def test_a_wrong_value_is_refused_at_once(tmp_path: Path, value: str) -> None:
    """It is named, and there is nothing to send."""
    made, page = opened(tmp_path)
    want(page, "MAX_TRADES", value)
    assert "MAX_TRADES" in words(page.told)
    assert page.send.first.disabled
    press(page.send.first)
    press(page.send.second)
    assert made.requests.sent == []


def test_the_changes_are_one_request(tmp_path: Path) -> None:
    """Keys with their new values and the reason; afterwards nothing is left to send."""
    made, page = opened(tmp_path)
    want(page, "DEBUG_LOG_LEVEL", "debug")
    page.why.value = "looking for something"
    press(page.send.first)
    press(page.send.second)
    assert made.requests.sent == [
        (Action.EDIT_SETTINGS, "looking for something", {"DEBUG_LOG_LEVEL": "debug"})
    ]
    assert "no change yet" in words(page.diff)


def test_the_bots_own_key_is_not_offered(tmp_path: Path) -> None:
    """H5: a save cannot provision another bot."""
    _, page = opened(tmp_path)
    assert "BROKER_CODE" not in page.key.options
    assert "MAX_TRADES" in page.key.options


def test_who_may_not_edit_sees_the_list_alone(tmp_path: Path) -> None:
    """An auditor reads; a forged press is refused."""
    made, page = opened(tmp_path, may_edit=False)
    assert not is_shown(page.editor)
    made.session.role = Role.AUDITOR
    want(page, "DEBUG_LOG_LEVEL", "debug")
    press(page.send.first)
    press(page.send.second)
    assert made.requests.sent == []


def test_cleared_changes_are_gone(tmp_path: Path) -> None:
    """Clear takes every change back."""
    _, page = opened(tmp_path)
    want(page, "DEBUG_LOG_LEVEL", "debug")
    press(page.clear)
    assert "no change yet" in words(page.diff)


def test_changes_are_valid_as_a_whole() -> None:
    """Each alone may be right and both wrong."""
    assert changed(settings(), {}) == ()
    assert changed(settings(), {"DEBUG_LOG_LEVEL": "debug"}) == (
        ("DEBUG_LOG_LEVEL", "info", "debug"),
    )
    with pytest.raises(ConfigError):
        changed(settings(), {"NO_SUCH_KEY": "1"})


def test_every_key_has_a_line() -> None:
    """The list has as many lines as the settings have keys."""
    assert [line.key for line in lines_of(settings())] == [k for k, _ in settings().public_items()]


def test_an_empty_home_has_a_settings_page(tmp_path: Path) -> None:
    """Nothing is known, nothing can be changed."""
    page = empty_world(tmp_path).page(SettingsPage)
    assert "not known yet" in words(page.head)
    press(page.add)
    assert "choose a key" in words(page.told)
