"""Credentials: typed, sealed, forgotten; reachable in every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from rigd.core.lifecycle import BotState
from tests.widgets.world import empty_world, is_shown, press, words, world
from widgets.configuration import FORMS, PLAIN, Configuration

if TYPE_CHECKING:
    from pathlib import Path


TYPED = "hunter2-hunter2"


@pytest.mark.parametrize("state", list(BotState))
def test_it_is_reachable_in_every_state(tmp_path: Path, state: BotState) -> None:
    """H1: the form is there, whatever the bot does."""
    made = world(tmp_path)
    made.state(state.value)
    page = made.page(Configuration)
    assert is_shown(page.form)
    assert f"state {state.value}" in words(page.progress)


def test_a_save_is_one_request_and_leaves_nothing_typed(tmp_path: Path) -> None:
    """H2, K20: the secret goes to the supervisor and stays in no widget."""
    made = world(tmp_path)
    page = made.page(Configuration)
    page.secret.value = "broker"
    page._entries["BROKER_SECRET_KEY"].value = TYPED
    press(page.save.first)
    press(page.save.second)
    action, _, payload = made.requests.sent[0]
    assert action is Action.EDIT_CONFIGURATION
    assert payload == {"secret": "broker", "BROKER_SECRET_KEY": TYPED}
    assert [entry.value for entry in page._entries.values()] == [""] * len(FORMS["broker"])


def test_secrets_are_typed_as_dots(tmp_path: Path) -> None:
    """Every field that is secret is a password field."""
    page = world(tmp_path).page(Configuration)
    page.secret.value = "broker"
    kinds = {name: made._model_name for name, made in page._entries.items()}
    dotted = {name for name, kind in kinds.items() if kind == "PasswordModel"}
    assert {"BROKER_API_KEY", "BROKER_SECRET_KEY", "BROKER_PASSWORD", "BROKER_TOKEN"} <= dotted
    assert "BROKER_URL" not in dotted
    assert {name for form in FORMS.values() for name in form} >= PLAIN


def test_what_is_wrong_is_told_before_it_is_sent(tmp_path: Path) -> None:
    """A field that breaks its rule is named without its value, and nothing is sent."""
    made = world(tmp_path)
    page = made.page(Configuration)
    page.secret.value = "broker"
    page._entries["BROKER_API_KEY"].value = "short"
    press(page.save.first)
    press(page.save.second)
    assert made.requests.sent == []
    assert "BROKER_API_KEY" in words(page.told)
    assert "short" not in words(page.told)


def test_nothing_typed_sends_nothing(tmp_path: Path) -> None:
    """A blank form is no request."""
    made = world(tmp_path)
    page = made.page(Configuration)
    press(page.save.first)
    press(page.save.second)
    assert made.requests.sent == []
    assert "nothing was typed" in words(page.told)


def test_keys_are_rotated_after_a_confirmation(tmp_path: Path) -> None:
    """One request, no payload."""
    made = world(tmp_path)
    page = made.page(Configuration)
    press(page.rotate.first)
    press(page.rotate.second)
    assert [action for action, _, _ in made.requests.sent] == [Action.ROTATE_KEYS]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.OPERATOR])
def test_only_administrators_have_the_form(tmp_path: Path, role: Role) -> None:
    """U12: others see how far the set-up is; a forged press is refused."""
    made = world(tmp_path)
    made.session.role = role
    page = made.page(Configuration)
    assert not is_shown(page.form)
    page._entries["BOT_ID"].value = "02"
    press(page.save.first)
    press(page.save.second)
    assert made.requests.sent == []


def test_an_empty_home_shows_what_is_missing(tmp_path: Path) -> None:
    """U1: before provisioning every file is missing."""
    made = empty_world(tmp_path)
    made.state("initialize")
    shown = words(made.page(Configuration).progress)
    assert "Set-up 0 of 7 files state initialize" in shown
    assert "secrets/broker.json.enc missing" in shown
