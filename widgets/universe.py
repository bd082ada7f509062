"""The universe: which symbols a session may trade, why, and how it was built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from widgets.controls import field
from widgets.desk import Block, Page, framed, row, stack
from widgets.markup import Html, tag
from widgets.parts import facts, heading, instant, number, plain_number, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ipywidgets

ROWS = 300


class Reading(NamedTuple):
    """The universe in force and what stands beside it."""

    universe: Mapping[str, Any]
    build: Mapping[str, Any]
    archived: int
    blocked: int


class Universe(Page):
    """Members, criteria, rejected symbols by reason."""

    every_s = 3.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.top = Block()
        self.filter = field("", placeholder="filter: symbol, name or sector")
        self.head = Block()
        self.rows = Block()
        return stack(self.top, framed(row(self.head, self.filter, kind="log-bar"), self.rows))

    def read(self) -> Reading:
        """Return the published universe."""
        return Reading(*self.desk.facts.universe())

    def draw(self, found: Reading) -> None:
        """Show it."""
        self.top.show(_top(found))
        members = [held for held in found.universe.get("symbols") or () if isinstance(held, dict)]
        wanted = str(self.filter.value).casefold()
        shown = [m for m in members if wanted in " ".join(map(str, m.values())).casefold()]
        self.head.show(heading("Members", f"{len(shown)} of {len(members)}"))
        self.rows.show(_members(shown[:ROWS]))


def _top(found: Reading) -> Html:
    universe = found.universe
    counts = universe.get("counts") or {}
    rejected = universe.get("rejected") or {}
    return tag(
        "div",
        tag(
            "section",
            heading("Universe in force", universe.get("origin") or "none published yet"),
            facts((
                ("built", instant(universe.get("built_at"))),
                ("for day", universe.get("day")),
                ("data of", universe.get("dated")),
                ("members", counts.get("members")),
                ("rejected", counts.get("rejected")),
                ("version", str(universe.get("version") or "")[:16]),
                ("archived", found.archived),
                ("blocked symbols", found.blocked),
                ("last build", found.build.get("status") or found.build.get("stage")),
            )),
            kind="pane",
        ),
        tag(
            "section",
            heading("Criteria"),
            facts((key, value) for key, value in (universe.get("criteria") or {}).items()),
            kind="pane",
        ),
        tag(
            "section",
            heading("Rejected"),
            table(
                ("Reason", "Symbols"),
                [(reason, len(symbols)) for reason, symbols in rejected.items()],
                numeric=(1,),
                empty="nothing was rejected",
            ),
            kind="pane",
        ),
        kind="cols three",
    )


def _members(shown: list[dict[str, Any]]) -> Html:
    names = list(dict.fromkeys(name for member in shown for name in member))
    numeric = [
        place
        for place, name in enumerate(names)
        if any(number(member.get(name)) is not None for member in shown)
    ]
    return table(
        [name.replace("_", " ") for name in names],
        [
            [
                plain_number(member.get(name)) if place in numeric else member.get(name)
                for place, name in enumerate(names)
            ]
            for member in shown
        ],
        numeric=numeric,
        empty="no universe was published yet: rigd universe build",
    )
