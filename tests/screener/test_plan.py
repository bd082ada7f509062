"""Tests of the state file of the universe."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from rigd.core.errors import DataError
from rigd.screener.plan import NOTHING_BUILT, Kind, Phase, Plan, State, decode_state

PLAN = Plan(
    stamp="20140328T210000.000000Z",
    kind=Kind.BUILD,
    origin="20140328T210000.000000Z",
    started_at=datetime(2014, 3, 28, 21, tzinfo=UTC),
    day=date(2014, 3, 28),
    batch=500,
    criteria={"min_price": "2"},
    keep=30,
    forgiven=3,
)


@pytest.mark.parametrize("plan", [PLAN, None])
@pytest.mark.parametrize("phase", Phase)
def test_a_state_survives_its_file(plan: Plan | None, phase: Phase) -> None:
    """Phase, plan, cause and next step come back equal."""
    state = State(phase, plan, "why", "what next")
    assert decode_state(state.encode()) == state


def test_without_a_file_nothing_was_built() -> None:
    """It waits, and says how to begin."""
    assert decode_state(b"") == State(Phase.WAITING, None, NOTHING_BUILT, "rigd universe build")


def test_only_what_is_not_published_is_unfinished() -> None:
    """A plan that was published is not taken up again."""
    assert State(Phase.BUILDING, PLAN, "", "").unfinished == PLAN
    assert State(Phase.WAITING, PLAN, "", "").unfinished == PLAN
    assert State(Phase.PUBLISHED, PLAN, "", "").unfinished is None


@pytest.mark.parametrize("content", [b"x", b"[]", b"{}", b'{"phase": "lost", "plan": null}'])
def test_another_form_is_refused(content: bytes) -> None:
    """The fix begins anew."""
    with pytest.raises(DataError, match=r"universe_state\.json") as caught:
        decode_state(content)
    assert "--fresh" in caught.value.fix
