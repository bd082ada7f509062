"""Tuning proposals: difference, metrics, and the approval of another person (INVENTORY O8, U15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from widgets.controls import Confirmed, choice, field
from widgets.desk import Block, Page, framed, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import (
    badge,
    checks,
    facts,
    heading,
    instant,
    message,
    number,
    plain_number,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

TONES = {"proposed": "info", "approved": "ok", "activated": "ok", "rejected": "bad"}


class Reading(NamedTuple):
    """The versions, what was done with them, and who looks."""

    versions: Sequence[tuple[str, Mapping[str, Any]]]
    rows: Sequence[Mapping[str, Any]]
    user: str
    may_approve: bool


class Proposals(Page):
    """Nothing is put into force by itself: another person than the proposer approves."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self._found: Reading | None = None
        self.list = Block()
        self.told = Block()
        self.which = choice("", [("no proposal", "")])
        self.why = field("", placeholder="why (kept in the log of proposals)")
        self.approve = Confirmed(
            "Approve", "Confirm approval", "go", self.desk.clock, self._approve
        )
        self.detail = Block()
        self.decision = row(self.why, self.approve.view, kind="edit")
        return stack(
            framed(self.list),
            framed(
                row(Block(heading("Proposal")), self.which, kind="log-bar"),
                self.decision,
                self.told,
                self.detail,
            ),
        )

    def read(self) -> Reading:
        """Return every proposal with its history."""
        held, session = self.desk.facts, self.desk.session
        may = session.may(Action.APPROVE_PROPOSAL)
        return Reading(held.versions(), held.proposals(), session.user().name, may)

    def draw(self, found: Reading) -> None:
        """Show them."""
        self._found = found
        self.approve.tick()
        options = [
            (f"{held.get('version')} {held.get('strategy', '')}", str(held.get("version")))
            for _, held in found.versions
        ] or [("no proposal", "")]
        if tuple(options) != tuple(self.which.options):
            self.which.options = options
        self.list.show(_list(found))
        held = self._chosen()
        self.detail.show(_detail(held, history(found.rows, held)) if held else Html())
        open_ = held is not None and status(found.rows, held) == "proposed"
        visible(self.decision, on=found.may_approve and open_)
        self.approve.enable(on=held is not None and not _is_own(held, found.user))
        if held is not None and open_ and _is_own(held, found.user):
            self.told.show(message("your own proposal: another person approves it", "warn"))

    def _chosen(self) -> Mapping[str, Any] | None:
        wanted = str(self.which.value)
        versions = self._found.versions if self._found else ()
        return next((held for _, held in versions if str(held.get("version")) == wanted), None)

    def _approve(self) -> None:
        held = self._chosen()
        if held is None:
            return
        self.desk.send(
            self.told,
            Action.APPROVE_PROPOSAL,
            why=str(self.why.value).strip() or "approved on the proposals page",
            payload={"proposal": str(held.get("version"))},
        )


def history(rows: Sequence[Mapping[str, Any]], held: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was done with a proposal, oldest first."""
    return [row_ for row_ in rows if row_.get("version") == held.get("version")]


def status(rows: Sequence[Mapping[str, Any]], held: Mapping[str, Any]) -> str:
    """Return what was done with a proposal last; ``new`` when nothing is known of it."""
    done = history(rows, held)
    return str(done[-1]["action"]) if done else "new"


def _is_own(held: Mapping[str, Any], user: str) -> bool:
    return str(held.get("proposed_by", "")).casefold() == user.casefold()


def _by(done: Mapping[str, Any]) -> str:
    """Return who did it; a name that nobody proved is marked."""
    name = str(done.get("by") or "")
    return f"{name} (unverified)" if done.get("unverified") else name


def _proposer(rows: Sequence[Mapping[str, Any]], held: Mapping[str, Any]) -> str:
    alone = {"by": held.get("proposed_by"), "unverified": True}
    return _by(next(iter(history(rows, held)), alone))


def _list(found: Reading) -> Html:
    rows = []
    for _, held in found.versions:
        state = status(found.rows, held)
        rows.append((
            held.get("version"),
            held.get("strategy"),
            held.get("study"),
            _proposer(found.rows, held),
            instant(held.get("proposed_at")),
            len(held.get("changes") or ()),
            badge(
                "yes" if held.get("approvable") else "no",
                "ok" if held.get("approvable") else "warn",
            ),
            badge(state, TONES.get(state, "muted")),
        ))
    return tag(
        "div",
        heading("Tuning proposals", "never applied by themselves"),
        table(
            (
                "Version",
                "Strategy",
                "Study",
                "Proposed by",
                "At",
                "Changes",
                "Approvable",
                "Status",
            ),
            rows,
            numeric=(0, 5),
            empty="no proposal yet: rigd optimize --propose",
        ),
    )


def _detail(held: Mapping[str, Any], done: Sequence[Mapping[str, Any]]) -> Html:
    changes = [
        (tag("code", key), tag("del", before or "(blank)"), tag("ins", after or "(blank)"))
        for key, before, after in (held.get("changes") or ())
    ]
    findings = [
        (
            str(each.get("rule")),
            bool(each.get("holds")),
            f"{each.get('found')} ({each.get('limit')})",
        )
        for each in held.get("findings") or ()
    ]
    log = [
        (
            instant(each.get("at")),
            each.get("action"),
            _by(each),
            each.get("reason"),
            str(each.get("hash") or "")[:16],
        )
        for each in done
    ]
    return tag(
        "div",
        tag("div", tag("h3", "Difference"), table(("Key", "Now", "Then"), changes)),
        tag("div", tag("h3", "Metrics"), facts(metrics(held.get("chosen") or {}))),
        tag("div", tag("h3", "Evidence"), checks(findings)),
        tag("div", tag("h3", "History"), table(("At", "What", "By", "Why", "Hash"), log)),
        kind="cols two",
    )


def metrics(chosen: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return the figures of the chosen parameters, one level below each other."""
    found: list[tuple[str, str]] = []
    for key, value in chosen.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            found += metrics(value, f"{name}: ")
        elif not isinstance(value, list):
            found.append((name, plain_number(value) if number(value) is not None else str(value)))
    return found
