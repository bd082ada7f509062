"""The configuration page: set-up, identity and credentials; reachable in every state (H1).

What is typed here is sealed for the supervisor, which writes it; the page keeps nothing and reads
no secret back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from rigd.config.credentials import FORMS, checked
from rigd.core.errors import ConfigError
from widgets.controls import Confirmed, choice, field, given
from widgets.desk import Block, Page, framed, refusal, row, stack, visible
from widgets.markup import tag
from widgets.parts import badge, facts, heading, instant, message, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

    from rigd.core.lifecycle import BotState


PLAIN = frozenset({
    *FORMS["bot_identity"],
    "BROKER_URL",
    "BROKER_USERNAME",
    "ACCT_API_URL",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_SECURITY",
    "SMTP_USER",
    "EMAIL_FROM",
    "EMAIL_TO",
    "SMS_URL",
    "SMS_TO",
    "PAGERDUTY_URL",
    "ESCALATION",
    "ROUTES",
})
"""Fields that may be read while they are typed; every other one shows dots."""


class Reading(NamedTuple):
    """How far the set-up is."""

    state: BotState | None
    status: Mapping[str, Any]
    files: Sequence[tuple[str, bool]]
    may_edit: bool
    may_rotate: bool


class Configuration(Page):
    """Identity and credentials."""

    every_s = 1.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.progress = Block()
        self.told = Block()
        self.secret = choice("", [(name.replace("_", " "), name) for name in FORMS])
        self.fields = stack(kind="form")
        self._entries: dict[str, ipywidgets.Text] = {}
        self.why = field("", placeholder="why (kept in the audit log)")
        clock = self.desk.clock
        self.save = Confirmed("Save", "Confirm: seal and rotate keys", "go", clock, self._save)
        self.rotate = Confirmed("Rotate keys", "Confirm rotation", "warn", clock, self._rotate)
        self.secret.observe(lambda _: self._form(), "value")
        self.form = framed(
            Block(
                heading("Credentials and identity", "sealed at once; a blank field stays as it is")
            ),
            row(self.secret, kind="edit"),
            self.fields,
            row(self.why, self.save.view, self.rotate.view, kind="edit"),
            self.told,
        )
        self.note = Block()
        self._form()
        return stack(self.progress, self.note, self.form)

    def read(self) -> Reading:
        """Return how far the set-up is."""
        held, session = self.desk.facts, self.desk.session
        return Reading(
            state=held.state(),
            status=held.document("provisioning_status.json"),
            files=held.secrets(),
            may_edit=session.may(Action.EDIT_CONFIGURATION),
            may_rotate=session.may(Action.ROTATE_KEYS),
        )

    def draw(self, found: Reading) -> None:
        """Show it."""
        self.save.tick()
        self.rotate.tick()
        visible(self.form, on=found.may_edit)
        visible(self.rotate.view, on=found.may_rotate)
        if found.may_edit:
            words = "The password is asked for again; every change rotates the keys and is audited."
        else:
            words = "Only an administrator may change credentials and identity."
        self.note.show(tag("p", words, kind="s"))
        there = sum(exists for _, exists in found.files)
        self.progress.show(
            tag(
                "div",
                tag(
                    "section",
                    heading("Set-up", f"{there} of {len(found.files)} files"),
                    facts((
                        ("state", found.state.value if found.state else ""),
                        ("provisioning", found.status.get("state")),
                        ("profile", found.status.get("profile")),
                        ("at", instant(found.status.get("at"))),
                    )),
                    kind="pane",
                ),
                tag(
                    "section",
                    heading("Sealed files", "in env/"),
                    table(
                        ("File", ""),
                        [
                            (tag("code", name), badge("present" if on else "missing", _tone(on=on)))
                            for name, on in found.files
                        ],
                    ),
                    kind="pane",
                ),
                kind="cols two",
            )
        )

    def _form(self) -> None:
        rules = FORMS.get(str(self.secret.value), {})
        self._entries = {
            name: given(name, placeholder=rule.words, secret=name not in PLAIN)
            for name, rule in rules.items()
        }
        self.fields.children = tuple(self._entries.values())

    def _save(self) -> None:
        secret = str(self.secret.value)
        try:
            values = checked(
                secret, {name: str(made.value) for name, made in self._entries.items()}
            )
        except ConfigError as error:
            self.told.show(refusal(error))
            return
        if not values:
            self.told.show(message("nothing was typed", "warn"))
            return
        for made in self._entries.values():
            made.value = ""
        self.desk.send(
            self.told,
            Action.EDIT_CONFIGURATION,
            why=str(self.why.value).strip() or "changed on the configuration page",
            payload={"secret": secret, **values},
        )

    def _rotate(self) -> None:
        self.desk.send(self.told, Action.ROTATE_KEYS, why="rotated on the configuration page")


def _tone(*, on: bool) -> str:
    return "ok" if on else "warn"
