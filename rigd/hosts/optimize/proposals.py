"""Proposals: versioned configurations that a second person approves before anything changes.

Each is one file in ``env/env_bot.versioned/`` that is never written again, bound to the digests of
config, code and data, to the seed and to the register's head. What happens to it stands in a
chained log, `proposals.log`: who, when, and the file's hash. Nothing is activated by itself, and
nothing without the approval of another person than the proposer (document 090, INVENTORY O7-O8).
Where the home has users, whoever acts on a proposal has proven who they are; where it has none,
each row of the log says that its name is unverified.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.directory import has_users
from rigd.config import hot
from rigd.config.digest import digest
from rigd.config.parse import override
from rigd.core.clock import iso
from rigd.core.errors import AccessError, ConfigError, Problem, TamperError
from rigd.hosts.configure import change_settings
from rigd.hosts.operator_audit import audit
from rigd.hosts.optimize.request import StudyRequest
from rigd.hosts.optimize.study import make_plan
from rigd.hosts.optimize.trials import TrialRegister
from rigd.reporting.text import json_document
from rigd.store.chainlog import ChainLog, read_chain
from rigd.store.files import SECRET_MODE, create, make_folder, read_plain
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot
    from rigd.store.chainlog import Head, Row

WRITER = "rigd.hosts.optimize.proposals"
FILE = "proposals.log"
FOLDER = "env_bot.versioned"
RESERVE_BYTES = 64 * 1024
UNVERIFIED = "unverified"
"""The field of a row whose name nobody proved; absent where it was proven."""

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
_NAME = re.compile(r"(\d{6})_[a-z]+\.json\Z")


class Action(StrEnum):
    """What is recorded of a proposal."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    RESTORING = "restoring"
    RESTORED = "restored"


class Status(StrEnum):
    """Where a proposal stands."""

    NEW = "new"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    ACTIVATING = "activating"
    ACTIVE = "active"
    RESTORING = "restoring"
    RESTORED = "rolled back"


STEPS: dict[tuple[Status, Action], Status] = {
    (Status.NEW, Action.PROPOSED): Status.PROPOSED,
    (Status.PROPOSED, Action.APPROVED): Status.APPROVED,
    (Status.PROPOSED, Action.REJECTED): Status.REJECTED,
    (Status.APPROVED, Action.REJECTED): Status.REJECTED,
    (Status.APPROVED, Action.ACTIVATING): Status.ACTIVATING,
    (Status.ACTIVATING, Action.ACTIVATING): Status.ACTIVATING,
    (Status.ACTIVATING, Action.ACTIVATED): Status.ACTIVE,
    (Status.ACTIVE, Action.RESTORING): Status.RESTORING,
    (Status.RESTORING, Action.RESTORING): Status.RESTORING,
    (Status.RESTORING, Action.RESTORED): Status.RESTORED,
}
"""Every step that a proposal may take; the two-part ones are finished after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal with its file and what was recorded of it.

    Parameters
    ----------
    version
        Its number, from 1.
    content
        What the file holds.
    hash
        SHA-256 of the file, hexadecimal.
    status
        Where it stands.
    history
        Each row of the log about it: action, who, when, why, hash.
    """

    version: int
    content: Mapping[str, Any]
    hash: str
    status: Status
    history: tuple[Mapping[str, Any], ...]

    @property
    def changes(self) -> tuple[hot.Change, ...]:
        """(key, before, after) of each key."""
        return tuple((str(k), str(b), str(a)) for k, b, a in self.content["changes"])

    @property
    def proposer(self) -> str:
        """Who proposed it."""
        return str(self.content["proposed_by"])

    @property
    def approver(self) -> str:
        """Who approved it; blank when nobody did, or for another hash, or the proposer."""
        return str(self.approving.get("by", ""))

    @property
    def proposing(self) -> Mapping[str, Any]:
        """The row of who proposed it; unverified where the log has none."""
        for row in self.history:
            if row["action"] == Action.PROPOSED:
                return row
        return {"by": self.proposer, UNVERIFIED: True}

    @property
    def approving(self) -> Mapping[str, Any]:
        """The row of who approved it; empty when nobody did, as of `approver`."""
        for row in self.history:
            if row["action"] == Action.APPROVED and row["hash"] == self.hash:
                return {} if _same(row["by"], self.proposer) else row
        return {}


def told(row: Mapping[str, Any]) -> str:
    """Return who did what a row tells, for people: an unverified name is marked as such."""
    return f"{row['by']} ({UNVERIFIED})" if UNVERIFIED in row else str(row["by"])


def propose(
    bot: Bot, study: Mapping[str, Any], user: str, clock: ControlClock, *, verified: bool = False
) -> Proposal:
    """Write the chosen parameters of a study as the next version; nothing is changed by it.

    Parameters
    ----------
    bot
        Whose settings the study was made under.
    study
        What `study.run_study` returned.
    user
        Who proposes.
    clock
        The control clock.
    verified
        Whether they proved who they are.

    Returns
    -------
    Proposal
        With the status PROPOSED, approvable or not.

    Raises
    ------
    ConfigError
        If the settings are no longer those of the study, or the parameters change nothing.
    """
    _require_user(user)
    _require_same("the settings", digest(bot.settings), study["hashes"]["config"])
    changed = override(bot.settings, study["chosen"]["params"], source="the study")
    changes = hot.changes(bot.settings, changed)
    if not changes:
        msg = f"the chosen parameters of {study['study']} must change something, they are in force"
        raise ConfigError(msg, fix="nothing to do: the settings are the best found")
    with _opened(bot, clock) as log:
        version = 1 + max([_version(path) for path in _files(bot)], default=0)
        window = study["window"]
        content = {
            "version": version,
            "bot": str(bot.identity),
            "profile": bot.profile.value,
            "proposed_by": user,
            "proposed_at": iso(clock.now()),
            "strategy": study["strategy"],
            "study": study["study"],
            "data_label": study["data_label"],
            "window": window,
            # the window's own end, so that newer days do not change what is compared
            "request": dict(study["request"])
            | {"end": window["last"], "lookback_days": window["days"]},
            "changes": [list(change) for change in changes],
            "hashes": dict(study["hashes"]) | {"config_after": digest(changed)},
            "register": study["register"],
            "approvable": study["approvable"],
            "findings": study["findings"],
            "chosen": study["chosen"],
        }
        path = _folder(bot) / f"{version:06d}_{study['strategy']}.json"
        create(path, json_document(content), SECRET_MODE)
        _record(bot, log, clock, _read(path), Action.PROPOSED, _By(user, verified, ""))
    return find(bot, version)


def proposals(bot: Bot) -> list[Proposal]:
    """Return every proposal of a bot, oldest first.

    Parameters
    ----------
    bot
        Whose.

    Returns
    -------
    list of Proposal
        Verified against the log.

    Raises
    ------
    TamperError
        If the log or a file was changed.
    """
    path = Registry(bot.home, bot.identity).path(FILE)
    rows = read_chain(path, _genesis(bot)) if path.exists() else []
    return [_with_history(_read(file), rows) for file in _files(bot)]


def find(bot: Bot, version: int) -> Proposal:
    """Return one proposal; ConfigError when there is none of that version."""
    for proposal in proposals(bot):
        if proposal.version == version:
            return proposal
    known = ", ".join(str(_version(path)) for path in _files(bot)) or "none"
    msg = f"a proposal must be one of {known}, was {version}"
    raise ConfigError(msg, fix="rigd proposal list")


def heads(bot: Bot) -> list[Head]:
    """Return the heads of the trial register that the proposals of a bot noted."""
    known = (each for each in proposals(bot) if each.status is not Status.NEW)
    found = (each.content["register"]["head"] for each in known)
    return [(int(seq), str(value)) for seq, value in found]


def approve(
    bot: Bot, version: int, user: str, reason: str, clock: ControlClock, *, verified: bool = False
) -> Proposal:
    """Approve a proposal; it is not activated by that.

    Parameters
    ----------
    bot, version
        Which.
    user
        Who approves: another person than the proposer.
    reason
        Why; kept in the log.
    clock
        The control clock.
    verified
        Whether they proved who they are; they must where the home has users.

    Returns
    -------
    Proposal
        With the status APPROVED.

    Raises
    ------
    AccessError
        If the user is the proposer, or is not verified where the home has users.
    ConfigError
        If it is not approvable, cannot take this step, or config, code, data or seed differ.
    TamperError
        If its file, the log or the trial register was changed.
    """
    return _step(bot, version, Action.APPROVED, _By(user, verified, reason), clock)


def reject(
    bot: Bot, version: int, user: str, reason: str, clock: ControlClock, *, verified: bool = False
) -> Proposal:
    """Reject a proposal that is not active, as of `approve`; the proposer may too."""
    return _step(bot, version, Action.REJECTED, _By(user, verified, reason), clock)


def activate(
    bot: Bot, version: int, user: str, clock: ControlClock, *, verified: bool = False
) -> Proposal:
    """Put an approved proposal into the settings, the way `rigd config set` does.

    Parameters
    ----------
    bot, version
        Which.
    user
        Who activates.
    clock
        The control clock.
    verified
        As of `approve`.

    Returns
    -------
    Proposal
        With the status ACTIVE.

    Raises
    ------
    AccessError
        If no other person than the proposer approved this very file. Where the home has users, also
        if the user or the approver is not verified, or is the same where the proposer is not: two
        people have proven who they are before anything changes.
    ConfigError
        If it cannot take this step, or config, code, data or seed differ; nothing was changed.
    """
    by = _By(user, verified, "")
    _require_person(bot, by, clock)
    with _opened(bot, clock) as log:
        proposal = find(bot, version)
        _require_step(proposal, Action.ACTIVATING)
        if not proposal.approver:
            msg = f"proposal {version} must be approved by another person than {proposal.proposer}"
            raise AccessError(msg, fix=f"rigd proposal approve {version} --user NAME")
        if verified:
            _require_two_people(proposal, user)
        done = digest(bot.settings) == proposal.content["hashes"]["config_after"]
        if not (done and proposal.status is Status.ACTIVATING):
            _require_bound(bot, proposal, clock)
            _record(bot, log, clock, proposal, Action.ACTIVATING, by)
            values = {key: after for key, _, after in proposal.changes}
            change_settings(bot, values, _told(proposal, f"by {by}"), clock)
        _record(bot, log, clock, proposal, Action.ACTIVATED, by)
    return find(bot, version)


def roll_back(
    bot: Bot, version: int, user: str, reason: str, clock: ControlClock, *, verified: bool = False
) -> Proposal:
    """Restore the values from before an active proposal.

    Parameters
    ----------
    bot, version
        Which.
    user
        Who restores them; the proposer may too: what comes back was in force.
    reason
        Why; kept in the log.
    clock
        The control clock.
    verified
        Whether they proved who they are; they must where the home has users.

    Returns
    -------
    Proposal
        With the status RESTORED.

    Raises
    ------
    AccessError
        If the user is not verified where the home has users.
    ConfigError
        If it is not active, or one of its keys was changed since.
    """
    by = _By(user, verified, reason)
    _require_person(bot, by, clock)
    _require_reason(reason, "rollback")
    with _opened(bot, clock) as log:
        proposal = find(bot, version)
        _require_step(proposal, Action.RESTORING)
        now = dict(bot.settings.public_items())
        before = {key: value for key, value, _ in proposal.changes}
        done = all(now[key] == value for key, value in before.items())
        if not (done and proposal.status is Status.RESTORING):
            for key, _, after in proposal.changes:
                _require_same(key, now[key], after)
            _record(bot, log, clock, proposal, Action.RESTORING, by)
            change_settings(
                bot, before, _told(proposal, f"rolled back: {reason}"), clock, restores=True
            )
        _record(bot, log, clock, proposal, Action.RESTORED, by)
    return find(bot, version)


class _By(NamedTuple):
    """Who acts, whether they proved it, and why."""

    user: str
    verified: bool
    reason: str

    def __str__(self) -> str:
        return told(self.fields())

    def fields(self) -> dict[str, object]:
        """Return what a row of the log says of it."""
        fields: dict[str, object] = {"by": self.user, "reason": self.reason}
        return fields if self.verified else fields | {UNVERIFIED: True}


def _step(bot: Bot, version: int, action: Action, by: _By, clock: ControlClock) -> Proposal:
    """Approve or reject."""
    user = by.user
    _require_person(bot, by, clock)
    _require_reason(by.reason, action.value)
    with _opened(bot, clock) as log:
        proposal = find(bot, version)
        _require_step(proposal, action)
        if action is Action.APPROVED:
            if _same(user, proposal.proposer):
                msg = f"another person than the proposer must approve, {user} proposed it"
                raise AccessError(msg, fix=f"rigd proposal approve {version} --user SOMEBODY-ELSE")
            _require_approvable(proposal)
            _require_bound(bot, proposal, clock)
        _record(bot, log, clock, proposal, action, by)
    return find(bot, version)


def _require_approvable(proposal: Proposal) -> None:
    failed = [row for row in proposal.content["findings"] if not row["holds"]]
    if failed or not proposal.content["approvable"]:
        problems = [
            Problem(row["rule"], f"must be {row['limit']}, was {row['found']}") for row in failed
        ]
        msg = f"proposal {proposal.version} is not approvable"
        fix = "more days or fewer trials; a rule is never waived"
        raise ConfigError(msg, problems=problems, fix=fix)


def _require_bound(bot: Bot, proposal: Proposal, clock: ControlClock) -> None:
    """Refuse a proposal whose config, code, data, seed or register is no longer what it was."""
    hashes = proposal.content["hashes"]
    _require_same("the settings", digest(bot.settings), hashes["config"])
    request = StudyRequest.from_json(json.dumps(proposal.content["request"]))
    found = make_plan(bot.settings, replace(request, end=_last(proposal))).hashes
    for name, value in found.items():
        _require_same(name, value, hashes[name])
    after = {key: value for key, _, value in proposal.changes}
    changed = override(bot.settings, after, source="the proposal")
    _require_same("the changed settings", digest(changed), hashes["config_after"])
    with TrialRegister(bot.home, clock) as register:
        register.require(heads(bot))


def _last(proposal: Proposal) -> date:
    return date.fromisoformat(proposal.content["window"]["last"])


def _require_same(what: str, found: str, expected: str) -> None:
    if found != expected:
        msg = f"{what} must be as proposed, {expected[:16]!r}, found {found[:16]!r}"
        raise ConfigError(msg, fix="run the study again and propose what it finds now")


def _require_step(proposal: Proposal, action: Action) -> None:
    if (proposal.status, action) not in STEPS:
        msg = f"proposal {proposal.version} is {proposal.status} and cannot be {action}"
        raise ConfigError(msg, fix=f"rigd proposal show {proposal.version}")


def _require_user(user: str) -> None:
    if not _USER.match(user):
        msg = f"a user must be 1-64 letters, digits, '.', '_', '@' and '-', was {user!r}"
        raise ConfigError(msg, fix="--user NAME")


def _require_person(bot: Bot, by: _By, clock: ControlClock) -> None:
    """Refuse a name that nobody proved where the home has users to prove it by."""
    _require_user(by.user)
    if not by.verified and has_users(bot.home, clock):
        msg = f"a user of this home must prove who they are, {by.user!r} is a name alone"
        raise AccessError(msg, fix="rigd proposal … --user NAME, which asks for the password")


def _require_two_people(proposal: Proposal, user: str) -> None:
    """Refuse where not two people have proven who they are: names alone may be one person's."""
    approving = proposal.approving
    if UNVERIFIED in approving:
        msg = f"proposal {proposal.version} must be approved by a verified user, {told(approving)}"
        fix = f"rigd proposal reject {proposal.version}, then propose it again"
        raise AccessError(f"{msg} did", fix=fix)
    if UNVERIFIED in proposal.proposing and _same(user, proposal.approver):
        msg = (
            f"another verified user than {user}, who approved it, must activate proposal"
            f" {proposal.version}: {told(proposal.proposing)} proposed it"
        )
        raise AccessError(msg, fix=f"rigd proposal activate {proposal.version} --user ANOTHER")


def _require_reason(reason: str, what: str) -> None:
    if not reason.strip():
        msg = f"{what} must give a reason, found none"
        raise ConfigError(msg, fix="--reason 'what was looked at'")


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _told(proposal: Proposal, what: str) -> str:
    who = f"proposed by {told(proposal.proposing)}, approved by {told(proposal.approving)}"
    return f"proposal {proposal.version} {proposal.hash[:16]} ({who}) {what}"


class _opened:  # noqa: N801 - a context manager that reads as a verb
    """The log of a bot's proposals, open to append, with nobody else at it."""

    def __init__(self, bot: Bot, clock: ControlClock) -> None:
        self._registry = Registry(bot.home, bot.identity)
        lock = self._registry.path("optimize.lock")
        make_folder(lock.parent)
        self._lock = SessionLock(lock, what="rigd proposal", clock=clock)
        self._genesis = _genesis(bot)
        self._log: ChainLog | None = None

    def __enter__(self) -> ChainLog:
        self._lock.acquire()
        path = self._registry.claim(FILE, writer=WRITER)
        door = ChainLog.open if path.exists() else ChainLog.create
        try:
            self._log = door(path, self._genesis, RESERVE_BYTES)
        except BaseException:
            self._lock.release()
            raise
        return self._log

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()
        self._lock.release()


def _record(
    bot: Bot,
    log: ChainLog,
    clock: ControlClock,
    proposal: Proposal,
    action: Action,
    by: _By,
) -> None:
    """Write what is done into the chained log, and for people into the audit log."""
    row = {"version": proposal.version, "hash": proposal.hash} | by.fields()
    _, link = log.append(clock.now(), action.value, row, durable=True)
    with Registry(bot.home, bot.identity) as registry:
        fields = {key: value for key, value in row.items() if key != "by"}
        fields |= {"user": by.user, "bot": str(bot.identity), "chain": link}
        audit(registry, clock, f"proposal_{action}", fields)


def _with_history(proposal: Proposal, rows: list[Row]) -> Proposal:
    """Return a proposal with its status, as the log tells it."""
    status = Status.NEW
    history = []
    for row in rows:
        if row.data["version"] != proposal.version:
            continue
        if row.data["hash"] != proposal.hash:
            msg = f"the file of proposal {proposal.version} was changed after it was {row.kind}"
            raise TamperError(msg, fix="put the file of before back from a backup")
        action = Action(row.kind)
        if (status, action) not in STEPS:
            msg = f"proposal {proposal.version} was {status} and cannot have been {action}"
            raise TamperError(msg)
        status = STEPS[status, action]
        history.append({"action": action.value, "at": iso(row.at), **row.data})
    return replace(proposal, status=status, history=tuple(history))


def _read(path: Path) -> Proposal:
    content = read_plain(path)
    try:
        values = json.loads(content)
        version = int(values["version"])
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path.name} must be a proposal that rigd wrote, found {error!r}"
        raise TamperError(msg) from error
    return Proposal(
        version=version,
        content=values,
        hash=hashlib.sha256(content).hexdigest(),
        status=Status.NEW,
        history=(),
    )


def _folder(bot: Bot) -> Path:
    return bot.home.env / FOLDER


def _files(bot: Bot) -> Iterator[Path]:
    folder = _folder(bot)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return (path for path in found if _NAME.match(path.name))


def _version(path: Path) -> int:
    return int(path.name[:6])


def _genesis(bot: Bot) -> str:
    return f"rigd proposals {bot.identity}"
