"""The settings page: what runs now, changes with their difference, checked before they are sent.

Credentials and identity are on the configuration page; nothing here is a secret (document 090).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import ipywidgets

from rigd.access.roles import Action
from rigd.config import hot
from rigd.config.parse import override
from rigd.config.schema import Settings, marks
from rigd.core.errors import RigdError
from widgets.controls import Confirmed, button, field
from widgets.desk import Block, Page, framed, refusal, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import badge, heading, message, table

if TYPE_CHECKING:
    from collections.abc import Sequence

FIXED = ("BROKER_CODE",)
"""Keys that say which bot it is: another broker is another bot (`rigd.hosts.configure`)."""
SOURCE = "the settings page"


class Reading(NamedTuple):
    """The settings in force, where they come from, and whether they may be changed here."""

    settings: Settings | None
    source: str
    may_edit: bool


class Line(NamedTuple):
    """One key as the page shows it."""

    group: str
    key: str
    value: str
    text: str
    boot_only: bool


class SettingsPage(Page):
    """Hot configuration: a change is taken over at the next decision, without a restart."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self._settings: Settings | None = None
        self._wanted: dict[str, str] = {}
        self.told = Block()
        self.key = ipywidgets.Combobox(
            description="", placeholder="key: type a part of its name", ensure_option=True
        )
        self.key.add_class("rigd-field")
        self.key.observe(self._explain, "value")
        self.value = field("", placeholder="new value")
        self.why = field("", placeholder="why (kept in the audit log)")
        self.hint = Block()
        self.add = button("Add change", "", self._add)
        self.clear = button("Clear", "ghost", self._clear)
        self.send = Confirmed("Send changes", "Confirm changes", "go", self.desk.clock, self._send)
        self.diff = Block()
        self.filter = field("", placeholder="filter: key, group or text")
        self.head = Block()
        self.list = Block(kind="settings-list")
        self.editor = framed(
            Block(heading("Change", "checked as a whole before it is sent")),
            row(self.key, self.value, self.add, self.clear, kind="edit"),
            self.hint,
            self.diff,
            row(self.why, self.send.view, kind="edit"),
            self.told,
        )
        self._draw_diff()
        return stack(self.editor, framed(row(self.head, self.filter, kind="log-bar"), self.list))

    def read(self) -> Reading:
        """Return the settings."""
        settings, source = self.desk.facts.settings()
        return Reading(settings, source, self.desk.session.may(Action.EDIT_SETTINGS))

    def draw(self, found: Reading) -> None:
        """Show them."""
        self.send.tick()
        visible(self.editor, on=found.may_edit)
        if found.settings != self._settings:
            self._settings = found.settings
            if self._wanted:
                self._draw_diff()
        lines = lines_of(found.settings) if found.settings else []
        keys = tuple(line.key for line in lines if line.key not in FIXED)
        if self.key.options != keys:
            self.key.options = keys
        self.head.show(heading("Settings", found.source))
        wanted = str(self.filter.value).casefold()
        self.list.show(
            _table([line for line in lines if wanted in " ".join(map(str, line)).casefold()])
        )

    def _explain(self, _: object) -> None:
        lines = {line.key: line for line in lines_of(self._settings)} if self._settings else {}
        line = lines.get(str(self.key.value))
        if line is None:
            self.hint.show(Html())
            return
        self.value.value = self._wanted.get(line.key, line.value)
        self.hint.show(tag("p", line.text, " ", _when(line), kind="s"))

    def _add(self) -> None:
        """Take one change in; it can be sent when the whole is valid with it."""
        key, value = str(self.key.value), str(self.value.value).strip()
        if self._settings is None or not key:
            self.told.show(message("choose a key first", "warn"))
            return
        self._wanted[key] = value
        self.key.value = self.value.value = ""
        self._draw_diff()

    def _clear(self) -> None:
        self._wanted.clear()
        self._draw_diff()

    def _draw_diff(self) -> None:
        now = dict(self._settings.public_items()) if self._settings else {}
        wanted = {key: to for key, to in self._wanted.items() if now.get(key) != to}
        try:
            changes = changed(self._settings, wanted) if self._settings else ()
            self.told.show(Html())
        except RigdError as error:
            changes = ()
            self.told.show(refusal(error))
        self.send.enable(on=bool(changes))
        rows = [
            (
                key,
                tag("del", now.get(key) or "(blank)"),
                tag("ins", after or "(blank)"),
                _when_key(key),
            )
            for key, after in wanted.items()
        ]
        self.diff.show(table(("Key", "Now", "Then", "Takes effect"), rows, empty="no change yet"))

    def _send(self) -> None:
        """Send what differs; it is checked again here and once more by the supervisor."""
        if self._settings is None:
            return
        try:
            changes = changed(self._settings, self._wanted)
        except RigdError as error:
            self.told.show(refusal(error))
            return
        if not changes:
            return
        self.desk.send(
            self.told,
            Action.EDIT_SETTINGS,
            why=str(self.why.value).strip() or "changed on the settings page",
            payload={key: after for key, _, after in changes},
            then=self._sent,
        )

    def _sent(self) -> None:
        """Forget what was sent; what the supervisor answers stays beside the button."""
        self._wanted.clear()
        self.send.enable(on=False)
        self.diff.show(tag("p", "sent; no change yet", kind="empty"))


def changed(settings: Settings, wanted: dict[str, str]) -> Sequence[hot.Change]:
    """Return what would change.

    Parameters
    ----------
    settings
        Those in force.
    wanted
        New values by key, as text.

    Returns
    -------
    sequence of (key, before, after)
        Valid as a whole.

    Raises
    ------
    ConfigError
        If a value or the whole is not valid.
    """
    return hot.changes(settings, override(settings, wanted, source=SOURCE)) if wanted else ()


def lines_of(settings: Settings) -> list[Line]:
    """Return every key in the order of the template."""
    fields = type(settings).model_fields
    found = []
    for key, value in settings.public_items():
        name = key.lower()
        held = marks(name)
        text = fields[name].description or ""
        found.append(Line(str(held["group"]), key, value, text, bool(held["boot_only"])))
    return found


def _table(lines: Sequence[Line]) -> Html:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    return tag(
        "div",
        *(
            tag(
                "div",
                tag("h3", group),
                table(
                    ("Key", "Value", "", "Meaning"),
                    [(tag("code", e.key), tag("b", e.value), _when(e), e.text) for e in held],
                    kind="keys",
                ),
            )
            for group, held in groups.items()
        ),
    )


def _when(line: Line) -> Html:
    return badge("next start", "muted") if line.boot_only else badge("hot", "info")


def _when_key(key: str) -> Html:
    if key.lower() not in Settings.model_fields:
        return badge("unknown", "bad")
    return badge("next start", "muted") if marks(key.lower())["boot_only"] else badge("hot", "info")
