"""Launch tickets: an engine that is no research runs only where its launcher started it.

The launcher writes a ticket for one session and hands its secret to the run's process alone. The
engine in that process redeems it: the first who does removes it. A kernel that a person opened has
no ticket, so a bot with a real account, or of PRODUCTION, is refused there, and so is a session
that claims to be launched (JUPYTER §6, §7). What research is needs none: backtests, sweeps, and a
bot of the TEST profile at the simulated broker.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from rigd.config.choices import BrokerCode
from rigd.config.sources import environment, take_variable
from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError, StorageError
from rigd.core.values import Profile
from rigd.hosts import build_check
from rigd.hosts.wiring import session_settings
from rigd.store.control import mac_of, vouches
from rigd.store.files import SECRET_MODE, publish, read_plain, remove
from rigd.store.lease import Process
from rigd.store.locks import read_owner

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.ports import IdSource
    from rigd.hosts.bot import Bot
    from rigd.hosts.request import SessionRequest

VARIABLE = "RIGD_LAUNCH_TICKET"
"""Holds the ticket's secret in the environment of the run that it is for."""
RESEARCH_VARIABLE = "RIGD_RESEARCH"
"""Set in JupyterLab and its kernels: nothing that needs a ticket is launched from there."""
LIFE_S = 600.0
"""How long a kernel may take from its launch to its engine, on a machine that is busy too [s]."""

_MOST_BYTES = 1 << 14
_FIX = (
    "start it from the panel, or with rigd up or rigd session in a terminal; in a notebook run "
    "backtests, sweeps, or a bot of the TEST profile with BROKER_CODE=SIM"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a launcher lets run.

    Parameters
    ----------
    bot, session
        The bot, and the name of the one session.
    build
        The sealed build that runs it.
    pid, born, boot
        The launcher's process, which holds the bot's launch lock.
    expires_s
        Until when it may be redeemed, as monotonic time of that boot [s].
    """

    bot: str
    session: str
    build: str
    pid: int
    born: int
    boot: str
    expires_s: float

    @property
    def launcher(self) -> Process:
        """The process that issued it."""
        return Process(pid=self.pid, born=self.born, boot=self.boot)


def needed_by(bot: Bot, request: SessionRequest) -> str:
    """Return what of a session is no research and needs a ticket; blank when nothing does.

    Parameters
    ----------
    bot
        The bot.
    request
        What is asked for; its own settings count.

    Returns
    -------
    str
        Such as ``an engine at ALPACA``.
    """
    broker = session_settings(bot.settings, request).broker_code
    if broker is not BrokerCode.SIM:
        return f"an engine at {broker}"
    is_real = bot.profile is Profile.PRODUCTION and not request.test_mode
    return f"an engine of a {bot.profile} bot" if is_real else ""


def require_launcher(bot: Bot, request: SessionRequest) -> None:
    """Refuse to launch from JupyterLab what its kernels may not run themselves.

    Parameters
    ----------
    bot, request
        As of `needed_by`.

    Raises
    ------
    AccessError
        If this process was started in JupyterLab and the session is no research.
    """
    what = needed_by(bot, request)
    if what and RESEARCH_VARIABLE in environment():
        msg = f"{what} must be launched outside JupyterLab, this process was started in it"
        raise AccessError(msg, fix=_FIX)


def issue(bot: Bot, session: str, ids: IdSource) -> dict[str, str]:
    """Write the ticket of one run; any earlier one of the bot is void.

    Parameters
    ----------
    bot
        The bot, whose launch lock this process holds.
    session
        The session's name.
    ids
        The source of the ticket's secret.

    Returns
    -------
    dict of str to str
        What the environment of the run has besides.
    """
    ticket = Ticket(
        bot=str(bot.identity),
        session=session,
        build=build_check.sealed_build(bot.home),
        expires_s=SystemClock().monotonic() + LIFE_S,
        **asdict(Process.this()),
    )
    secret = ids.nonce()
    content = asdict(ticket)
    text = json.dumps(content | {"mac": mac_of(secret.encode(), content)}, indent=1)
    publish(_path(bot), text.encode() + b"\n", SECRET_MODE)
    return {VARIABLE: secret}


def withdraw(bot: Bot) -> None:
    """Make a ticket void that nobody redeemed; nothing where it was redeemed."""
    remove(_path(bot))


def redeem(bot: Bot) -> Ticket:
    """Use up the ticket of this process.

    Parameters
    ----------
    bot
        The bot that is to run.

    Returns
    -------
    Ticket
        For `require_session`.

    Raises
    ------
    AccessError
        If there is none, it is not for this process, bot or build, it expired, its launcher is
        gone, or somebody redeemed it before. One that was refused stays as it lies.
    """
    secret = take_variable(VARIABLE)
    ticket, reason = _read(_path(bot), secret)
    if ticket is not None:
        reason = _why_not(bot, ticket)
    if reason or ticket is None:
        _refuse("a session that says it was launched", reason)
    if not remove(_path(bot)):
        _refuse("a session that says it was launched", "one that was redeemed before")
    return ticket


def admit(bot: Bot, request: SessionRequest, ticket: Ticket | None) -> None:
    """Refuse an engine that needs a ticket and has none; asked before every engine.

    Parameters
    ----------
    bot, request
        As of `needed_by`.
    ticket
        The redeemed one; None without.

    Raises
    ------
    AccessError
        If the session is no research and nobody launched it.
    """
    what = needed_by(bot, request) if ticket is None else ""
    if what:
        _refuse(what, "none")


def require_session(ticket: Ticket | None, session: str) -> None:
    """Refuse another session than the one that was launched; nothing without a ticket.

    Parameters
    ----------
    ticket
        The redeemed one.
    session
        The name of the session that is to run.

    Raises
    ------
    AccessError
        If the ticket is for another one.
    """
    if ticket is not None and ticket.session != session:
        _refuse(f"session {session}", f"one for session {ticket.session}")


def _path(bot: Bot) -> Path:
    return bot.home.bot(bot.identity).launch_ticket


def _read(path: Path, secret: str) -> tuple[Ticket | None, str]:
    """Return the ticket that a secret vouches for, or what was found instead."""
    if not secret:
        return None, "none"
    try:
        held: dict[str, Any] = json.loads(read_plain(path, _MOST_BYTES))
        mac = str(held.pop("mac"))
        ticket = Ticket(**held)
    except StorageError:
        return None, "none, or one that was redeemed before"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, "one that no launcher wrote"
    if not vouches(secret.encode(), asdict(ticket), mac):
        return None, "one for another process"
    return ticket, ""


def _why_not(bot: Bot, ticket: Ticket) -> str:
    """Return what is wrong with a genuine ticket; blank when nothing is."""
    owner = read_owner(bot.home.live.bot(bot.identity).launch_lock)
    if ticket.bot != str(bot.identity):
        return f"one for {ticket.bot}"
    if ticket.build != build_check.sealed_build(bot.home):
        return "one for another sealed build"
    if not ticket.launcher.lives or owner is None or owner.process != ticket.launcher:
        return "one whose launcher no longer owns the bot"
    if SystemClock().monotonic() >= ticket.expires_s:
        return f"one that expired {LIFE_S:.0f} s after its launch"
    return ""


def _refuse(what: str, found: str) -> NoReturn:
    msg = f"{what} must have a launch ticket, found {found}"
    raise AccessError(msg, fix=_FIX)
