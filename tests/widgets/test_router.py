"""Every page in each of the 16 states, the badge everywhere, the role at each step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import ipywidgets
import pytest

from rigd.access.roles import Action, Role, asks_again, may
from rigd.core.errors import DataError
from rigd.core.lifecycle import BotState
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.widgets.test_states import PAGES as BY_STATE
from tests.widgets.world import (
    ATTACK,
    FakePeople,
    FakeRequests,
    FakeSession,
    elements,
    is_shown,
    markup,
    press,
    user,
    widgets_of,
    words,
    world,
)
from widgets import router
from widgets.pages import PAGES
from widgets.router import Router

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widgets.world import World


def opened(made: World, first: str = "") -> Router:
    """A router after two looks at the files: the first opens a page, the second fills it."""
    found = Router(made.desk, first)
    tick(found)
    tick(found)
    return found


def tick(found: Router) -> None:
    """One look at the files."""
    found._due = 0.0
    found.draw(*found.read())


@pytest.mark.parametrize("state", list(BotState))
def test_each_state_opens_its_page(tmp_path: Path, state: BotState) -> None:
    """U1-U6: the page of the state is shown, with the state and the mode above it."""
    made = world(tmp_path)
    made.state(state.value)
    found = opened(made)
    assert found._shown.name == BY_STATE[state.value]
    head = words(found.head)
    assert "TEST" in head
    assert state.value.replace("_", " ") in head


@pytest.mark.parametrize("state", list(BotState))
def test_every_page_is_shown_in_every_state(tmp_path: Path, state: BotState) -> None:
    """T21, H1: any page can be opened in any state, and carries the badge of the mode."""
    made = world(tmp_path)
    made.state(state.value)
    found = opened(made)
    for row in PAGES:
        found.go(row.name)
        tick(found)
        tick(found)
        assert found._shown.name == row.name
        assert words(found.body)
        assert f"{row.title} TEST {state.value.replace('_', ' ')}" in words(found.head)
        assert '<span class="mode test" title="mode: TEST">TEST</span>' in found.head.value


@pytest.mark.parametrize(
    ("profile", "broker", "kind"),
    [("TEST", "SIM", "test"), ("PRODUCTION", "SIM", "paper"), ("PRODUCTION", "IBKR", "live")],
)
def test_the_badge_is_coloured_by_the_mode(
    tmp_path: Path, profile: str, broker: str, kind: str
) -> None:
    """TEST, PAPER and LIVE differ at a glance."""
    made = world(tmp_path)
    made.status(profile=profile, broker=broker)
    assert f'class="mode {kind}"' in opened(made).head.value


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_has_what_the_role_may_see(tmp_path: Path, role: Role) -> None:
    """U13: pages that the table does not grant are not offered, and a forged press is refused."""
    made = world(tmp_path)
    made.session.role = role
    found = opened(made)
    for row in PAGES:
        if row.listed:
            allowed = may(role, row.action)
            assert is_shown(found.links[row.name]) is allowed
            press(found.links[row.name])
            assert (found._shown.name == row.name) is allowed
    noted = [row.action for row in PAGES if row.listed]
    noted = [action for action in noted if not (may(role, action) and asks_again(action))]
    assert made.session.required == [(action, may(role, action)) for action in noted]


def test_a_role_that_is_taken_away_closes_the_page(tmp_path: Path) -> None:
    """S01: at the next look the open page is gone."""
    made = world(tmp_path)
    found = opened(made, "users")
    assert "vera" in words(found.body)
    made.session.role = Role.VIEWER
    tick(found)
    assert words(found.body) == ""
    assert "not open to viewer" in words(found.told)


def test_a_log_in_that_ended_ends_the_panel(tmp_path: Path) -> None:
    """After logout nothing is shown and nothing is read any more."""
    made = world(tmp_path)
    clock = FakeClock()
    found = opened(made)
    made.session.role = None
    asyncio.run(found.run(clock))
    assert words(found.body) == ""
    assert "log in again" in words(found.told)
    assert not any(is_shown(link) for link in found.links.values())
    assert clock.slept == []


def test_the_page_follows_the_state(tmp_path: Path) -> None:
    """From the dashboard an error leads to the halted page and back again."""
    made = world(tmp_path)
    found = opened(made)
    made.state("error")
    tick(found)
    assert found._shown.name == "halted"
    made.state("started")
    tick(found)
    assert found._shown.name == "dashboard"


def test_a_chosen_page_stays(tmp_path: Path) -> None:
    """Who reads a log goes on reading when the state changes."""
    made = world(tmp_path)
    found = opened(made, "logs_web")
    made.state("error")
    tick(found)
    assert found._shown.name == "logs"


def test_a_page_is_built_once(tmp_path: Path) -> None:
    """Coming back costs nothing."""
    found = opened(world(tmp_path))
    first = found._built["dashboard"]
    found.go("logs")
    found.go("main")
    assert found._built["dashboard"] is first
    found.go("no such page")
    assert found._shown.name == "dashboard"


def test_a_page_that_cannot_be_drawn_says_so_and_goes_on(tmp_path: Path) -> None:
    """A defect of one page ends neither the panel nor the other pages."""
    made = world(tmp_path)
    found = opened(made)
    found.failed(ValueError("secret detail"))
    assert "could not be drawn (ValueError)" in words(found.told)
    assert "secret detail" not in words(found.told)
    found.failed(DataError("status.json must hold JSON"))
    assert "must hold JSON" in words(found.told)
    found.failed(None)
    assert words(found.told) == ""


def test_looking_goes_on_until_the_log_in_ends(tmp_path: Path) -> None:
    """A look each quarter of a second; a broken one is told and the next one tried."""
    made = world(tmp_path)
    found = Router(made.desk)
    looks = []

    def read() -> object:
        looks.append(1)
        if len(looks) == 2:
            raise ValueError
        if len(looks) == 4:
            made.session.role = None
        return Router.read(found)

    found.read = read
    clock = FakeClock()
    asyncio.run(found.run(clock))
    assert len(looks) == 4
    assert clock.slept == [0.25] * 3


def test_tests_that_run_are_told_on_every_page(tmp_path: Path) -> None:
    """The header says so."""
    made = world(tmp_path)
    (made.home.control / "test_mode.flag").touch()
    assert "tests run" in words(opened(made, "books").head)


def test_a_hostile_user_name_stays_text_on_every_page(tmp_path: Path) -> None:
    """S09: the name stands in the navigation of each page."""
    made = world(tmp_path)
    made.session.name = ATTACK
    made.people = FakePeople([user(ATTACK, Role.ADMIN)])
    for row in PAGES:
        found = opened(made, row.name)
        assert ATTACK in words(found.foot)
        assert not {"script", "img"} & {name for name, _ in elements(markup(found.view))}


def test_show_builds_the_panel_in_a_loop(tmp_path: Path) -> None:
    """What a notebook shows is filled by the first look at the files."""
    world(tmp_path)

    async def run() -> str:
        session = FakeSession()
        view = router.show(
            session, FakeRequests(), Home(tmp_path), people=lambda: FakePeople([]), first="account"
        )
        filled = asyncio.Event()

        def look() -> None:
            if "name ada" in words(view):
                filled.set()
            else:
                asyncio.get_running_loop().call_later(0.01, look)  # the reading thread needs room

        look()
        await filled.wait()
        session.role = None
        return words(view)

    assert "role admin" in asyncio.run(asyncio.wait_for(run(), 20))


def press_everything(made: World) -> None:
    """Fill each field of each page and press each button three times, hidden ones too."""
    for row in PAGES:
        page = row.page(made.desk)
        page.draw(page.read())
        for _ in range(3):
            for each in widgets_of(page.view):
                if isinstance(each, ipywidgets.Text):
                    each.value = "KILL"
            for each in widgets_of(page.view):
                if isinstance(each, ipywidgets.Button):
                    press(each)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", ["stopped", "trading", "error"])
def test_pressing_everything_does_what_the_role_may_and_no_more(
    tmp_path: Path, role: Role, state: str
) -> None:
    """S02: forged presses of every button; each effect is granted by the table of roles."""
    made = world(tmp_path)
    made.state(state)
    made.session.role = role
    press_everything(made)
    sent = {action for action, _, _ in made.requests.sent}
    assert all(may(role, action) for action in sent)
    assert bool(made.people.done) is may(role, Action.MANAGE_USERS)
    assert (Action.KILL in sent) is may(role, Action.KILL)
    assert (Action.RUN_TESTS in sent) is may(role, Action.RUN_TESTS)
    assert (Action.ROTATE_KEYS in sent) is may(role, Action.ROTATE_KEYS)
    assert all(may(role, action) is allowed for action, allowed in made.session.required)


def test_after_logout_no_press_has_an_effect(tmp_path: Path) -> None:
    """S01: pages that are still open do nothing any more."""
    made = world(tmp_path)
    built = [(row, row.page(made.desk)) for row in PAGES]
    for _, page in built:
        page.draw(page.read())
    made.session.role = None
    for _, page in built:
        for each in widgets_of(page.view) * 2:
            if isinstance(each, ipywidgets.Text):
                each.value = "KILL"
            if isinstance(each, ipywidgets.Button):
                press(each)
    assert made.requests.sent == []
    assert made.people.done == []
    assert made.session.required
