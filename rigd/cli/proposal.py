"""``rigd proposal list|show|approve|reject|activate|rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.access.roles import Action
from rigd.cli.console import CLOCK, open_bot_of, open_home, proved, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts.optimize import proposals
from rigd.hosts.optimize.proposals import UNVERIFIED

if TYPE_CHECKING:
    from rigd.hosts.optimize.proposals import Proposal


def list_all(*, as_json: bool) -> int:
    """List every proposal with where it stands."""
    found = proposals.proposals(open_bot_of(open_home()))
    if as_json:
        say_json({"proposals": [_fields(proposal) for proposal in found]})
        return int(ExitCode.OK)
    for proposal in found:
        say(_line(proposal))
    if not found:
        say("no proposal yet")
    say_next("rigd optimize --propose --user NAME", "rigd proposal show VERSION")
    return int(ExitCode.OK)


def show(version: int, *, as_json: bool) -> int:
    """Show one proposal: what it changes, what it rests on, and who did what with it."""
    proposal = proposals.find(open_bot_of(open_home()), version)
    if as_json:
        say_json(_fields(proposal) | {"content": dict(proposal.content)})
        return int(ExitCode.OK)
    say(_line(proposal))
    for key, before, after in proposal.changes:
        say(f"  {key}: {before or '(blank)'} -> {after or '(blank)'}")
    for row in proposal.content["findings"]:
        say(f"  {'yes' if row['holds'] else 'NO '}  {row['rule']}: {row['found']} ({row['limit']})")
    for row in proposal.history:
        reason = f": {row['reason']}" if row["reason"] else ""
        who = proposals.told(row)
        say(f"  {row['at']} {row['action']} by {who}, hash {row['hash'][:16]}{reason}")
    return int(ExitCode.OK)


def approve(version: int, user: str, reason: str) -> int:
    """Approve a proposal as another person than the proposer."""
    bot = open_bot_of(open_home())
    who, verified = proved(bot.home, user, Action.APPROVE_PROPOSAL)
    say(_line(proposals.approve(bot, version, who, reason, CLOCK, verified=verified)))
    say_next(f"rigd proposal activate {version}")
    return int(ExitCode.OK)


def reject(version: int, user: str, reason: str) -> int:
    """Reject a proposal."""
    bot = open_bot_of(open_home())
    who, verified = proved(bot.home, user, Action.APPROVE_PROPOSAL)
    say(_line(proposals.reject(bot, version, who, reason, CLOCK, verified=verified)))
    return int(ExitCode.OK)


def activate(version: int, user: str) -> int:
    """Put an approved proposal into the settings."""
    bot = open_bot_of(open_home())
    who, verified = proved(bot.home, user, Action.APPROVE_PROPOSAL)
    say(_line(proposals.activate(bot, version, who, CLOCK, verified=verified)))
    say_next("rigd config show", f"rigd proposal rollback {version} --reason '…'")
    return int(ExitCode.OK)


def roll_back(version: int, user: str, reason: str) -> int:
    """Restore the values from before an active proposal."""
    bot = open_bot_of(open_home())
    who, verified = proved(bot.home, user, Action.APPROVE_PROPOSAL)
    say(_line(proposals.roll_back(bot, version, who, reason, CLOCK, verified=verified)))
    say_next("rigd config show")
    return int(ExitCode.OK)


def _line(proposal: Proposal) -> str:
    mark = "approvable" if proposal.content["approvable"] else "not approvable"
    approver = ""
    if proposal.approver:
        approver = f", approved by {proposals.told(proposal.approving)}"
    return (
        f"proposal {proposal.version} of {proposal.content['strategy']}: {proposal.status} "
        f"[{mark}], by {proposals.told(proposal.proposing)}{approver}, hash {proposal.hash[:16]}"
    )


def _fields(proposal: Proposal) -> dict[str, object]:
    return {
        "version": proposal.version,
        "strategy": proposal.content["strategy"],
        "status": proposal.status.value,
        "approvable": proposal.content["approvable"],
        "proposed_by": proposal.proposer,
        "approved_by": proposal.approver,
        "unverified": [row["action"] for row in proposal.history if UNVERIFIED in row],
        "hash": proposal.hash,
        "changes": [list(change) for change in proposal.changes],
        "history": [dict(row) for row in proposal.history],
    }
