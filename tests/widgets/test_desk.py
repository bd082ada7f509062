"""Effects are requests, and what is shown is markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from rigd.core.errors import AccessError, ConfigError, Problem
from tests.widgets.world import FakeAnswer, empty_world, is_shown, words
from widgets.desk import Block, Page, framed, refusal, row, stack, visible
from widgets.markup import Html, tag

if TYPE_CHECKING:
    from pathlib import Path


def test_a_request_is_sent_and_its_answer_told(tmp_path: Path) -> None:
    """Action, reason and payload reach the door; the answer stands beside the button."""
    world, told = empty_world(tmp_path), Block()
    world.desk.send(told, Action.STOP, why="done", payload={"a": "b"})
    assert world.requests.sent == [(Action.STOP, "done", {"a": "b"})]
    assert words(told) == "it was done"


def test_a_refused_request_tells_why(tmp_path: Path) -> None:
    """A viewer's press leaves a refusal, and no request."""
    world, told = empty_world(tmp_path), Block()
    world.session.role = Role.VIEWER
    world.desk.send(told, Action.STOP)
    assert world.requests.sent == []
    assert "must be granted" in words(told)
    assert world.session.required == [(Action.STOP, False)]


@pytest.mark.parametrize(
    ("reply", "shown"),
    [(None, "no answer"), (FakeAnswer("not flat", done=False), "not flat")],
)
def test_no_answer_and_a_no_are_told(tmp_path: Path, reply: FakeAnswer | None, shown: str) -> None:
    """Silence of the supervisor is not success, nor is a refusal."""
    world, told = empty_world(tmp_path), Block()
    world.requests.reply = reply
    world.desk.send(told, Action.START)
    assert shown in words(told)


def test_a_block_takes_markup_alone() -> None:
    """Plain text is refused, because nobody escaped it."""
    block = Block()
    with pytest.raises(TypeError, match="markup"):
        block.show("<b>x</b>")
    block.show(tag("b", "x"))
    assert block.value == "<b>x</b>"


def test_a_blank_block_takes_no_room() -> None:
    """It is hidden until it has something to show."""
    block = Block()
    assert not is_shown(block)
    block.show(tag("p", "x"))
    assert is_shown(block)
    block.show(Html())
    assert not is_shown(block)


def test_a_stale_password_leads_to_the_place_that_asks_for_it() -> None:
    """The refusal has a link."""
    shown = refusal(AccessError("the password must be given again", fix="confirm it"))
    assert "confirm it" in words(shown)
    assert 'href="/confirm"' in shown
    assert "href" not in refusal(AccessError("no"))


def test_each_problem_is_told_once() -> None:
    """The message of many problems repeats them line by line: a page shows its first line."""
    problem = Problem("page", "must be greater than 0, found '-3'", "MAX_TRADES")
    error = ConfigError(f"page: 1 problem\n  {problem}", problems=(problem,), fix="run again")
    shown = words(refusal(error))
    assert shown == "page: 1 problem page: MAX_TRADES: must be greater than 0, found '-3'"


def test_boxes_hold_widgets_and_hide_them() -> None:
    """Stacks, rows and frames hold what they are given; hiding keeps it in place."""
    block = Block(tag("p", "x"))
    for box in (stack(block), row(block), framed(block)):
        assert box.children == (block,)
    visible(block, on=False)
    assert words(framed(block)) == ""


def test_a_page_must_say_what_it_shows(tmp_path: Path) -> None:
    """A page without a view is no page."""
    with pytest.raises(NotImplementedError):
        Page(empty_world(tmp_path).desk)
