"""O8, U14, U15: difference, metrics, and the approval of another person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.access.roles import Action, Role
from rigd.core.clock import from_iso
from rigd.store.chainlog import ChainLog
from rigd.store.registry import Registry
from tests.widgets.world import ATTACK, BOT, elements, is_shown, markup, press, words, world
from widgets.facts import PROPOSALS_FOLDER
from widgets.proposals import Proposals, history, metrics, status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widgets.world import World

CONTENT = {
    "version": 1,
    "strategy": "mid",
    "study": "study-7",
    "proposed_by": "oscar",
    "proposed_at": "2024-03-01T10:00:00Z",
    "approvable": True,
    "changes": [["STRAT_MID_VWAP_THRESHOLD", "0.001", "0.002"]],
    "findings": [{"rule": "edge", "holds": True, "found": "1.4", "limit": "> 1"}],
    "chosen": {"score": "1.25", "test": {"trades": 40, "win_rate": "0.55"}},
}


def proposed(root: Path, *, approved: bool = False, **changes: object) -> World:
    """A home with one proposal, as the optimiser leaves it."""
    made = world(root)
    folder = made.home.env / PROPOSALS_FOLDER
    folder.mkdir(parents=True)
    (folder / "000001_mid.json").write_text(json.dumps(CONTENT | changes))
    path = Registry(made.home, BOT).path("proposals.log")
    log = ChainLog.create(path, f"rigd proposals {BOT}", 4096)
    row = {"version": 1, "by": "oscar", "hash": "a" * 64, "reason": "better"}
    log.append(from_iso("2024-03-01T10:00:00Z"), "proposed", row)
    if approved:
        log.append(from_iso("2024-03-02T10:00:00Z"), "approved", row | {"by": "ada"})
    log.sync()
    log.close()
    return made


def test_difference_metrics_evidence_and_history_are_shown(tmp_path: Path) -> None:
    """Everything that a decision rests on."""
    page = proposed(tmp_path).page(Proposals)
    page.draw(page.read())
    shown = words(page.view)
    for expected in (
        "1 mid study-7 oscar 2024-03-01 10:00:00Z 1 yes proposed",
        "STRAT_MID_VWAP_THRESHOLD 0.001 0.002",
        "score 1.25 test: trades 40 test: win rate 0.55",
        "edge OK 1.4 (> 1)",
        "proposed oscar better aaaaaaaaaaaaaaaa",
    ):
        assert expected in shown


def test_a_name_that_nobody_proved_is_marked(tmp_path: Path) -> None:
    """In the list and in the history; the name of a proven person stands alone."""
    made = proposed(tmp_path)
    path = Registry(made.home, BOT).path("proposals.log")
    path.unlink()
    page = made.page(Proposals)
    page.draw(page.read())
    assert "study-7 oscar (unverified) 2024-03-01" in words(page.list)  # the file alone
    log = ChainLog.create(path, f"rigd proposals {BOT}", 4096)
    row = {"version": 1, "by": "oscar", "hash": "a" * 64, "reason": "better"}
    log.append(from_iso("2024-03-01T10:00:00Z"), "proposed", row | {"unverified": True})
    log.append(from_iso("2024-03-02T10:00:00Z"), "approved", row | {"by": "ada"})
    log.sync()
    log.close()
    page = made.page(Proposals)
    page.draw(page.read())
    assert "study-7 oscar (unverified) 2024-03-01" in words(page.list)
    assert "proposed oscar (unverified) better" in words(page.detail)
    assert "approved ada better" in words(page.detail)


def test_another_person_approves_by_one_request(tmp_path: Path) -> None:
    """The version and the reason go to the supervisor, after a confirmation."""
    made = proposed(tmp_path)
    page = made.page(Proposals)
    page.draw(page.read())
    page.why.value = "holds on the test window"
    press(page.approve.first)
    press(page.approve.second)
    assert made.requests.sent == [
        (Action.APPROVE_PROPOSAL, "holds on the test window", {"proposal": "1"})
    ]


def test_the_proposer_cannot_approve(tmp_path: Path) -> None:
    """Also not by a forged press, nor by another spelling of the name."""
    made = proposed(tmp_path, proposed_by="Ada")
    page = made.page(Proposals)
    page.draw(page.read())
    press(page.approve.first)
    press(page.approve.second)
    assert made.requests.sent == []
    assert "another person" in words(page.told)


def test_what_is_decided_is_not_asked_for(tmp_path: Path) -> None:
    """An approved proposal has no button any more."""
    page = proposed(tmp_path, approved=True).page(Proposals)
    page.draw(page.read())
    assert not is_shown(page.decision)
    assert "approved" in words(page.list)


def test_who_may_not_approve_reads_alone(tmp_path: Path) -> None:
    """An auditor sees it all and decides nothing."""
    made = proposed(tmp_path)
    made.session.role = Role.AUDITOR
    page = made.page(Proposals)
    page.draw(page.read())
    assert not is_shown(page.decision)
    press(page.approve.first)
    press(page.approve.second)
    assert made.requests.sent == []


def test_no_proposal_is_told(tmp_path: Path) -> None:
    """An empty list says how one comes to be."""
    made = world(tmp_path)
    page = made.page(Proposals)
    assert "no proposal yet" in words(page.view)
    press(page.approve.first)
    press(page.approve.second)
    assert made.requests.sent == []


def test_a_hostile_proposal_stays_text(tmp_path: Path) -> None:
    """S09: names, reasons and values of the file."""
    made = proposed(
        tmp_path, study=ATTACK, changes=[[ATTACK, ATTACK, ATTACK]], chosen={ATTACK: ATTACK}
    )
    page = made.page(Proposals)
    page.draw(page.read())
    assert ATTACK in words(page.view)
    assert not {"script", "img"} & {name for name, _ in elements(markup(page.view))}


def test_history_is_that_of_the_version() -> None:
    """Rows of other versions do not count; the last row is the status."""
    rows = [{"version": 1, "action": "proposed"}, {"version": 2, "action": "rejected"}]
    assert history(rows, {"version": 1}) == [rows[0]]
    assert status(rows, {"version": 2}) == "rejected"
    assert status(rows, {"version": 3}) == "new"
    assert metrics({"a_b": {"c": 1}, "d": [1]}) == [("a b: c", "1")]
