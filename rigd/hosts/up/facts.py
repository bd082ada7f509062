"""How the bot is, from files alone: whoever asks needs no supervisor that answers (INVENTORY Q).

A part is well, not well, or not asked for: an alert channel that nobody configured is no fault.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.config.choices import BrokerCode
from rigd.config.sources import checkout
from rigd.core.emergencies import Emergency
from rigd.core.errors import RigdError
from rigd.core.lifecycle import GROUPS, BotState, RiskMode, StateGroup
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.launch import read_fields
from rigd.hosts.up.memory import read_known
from rigd.reporting.standing import standing
from rigd.store.lease import Lease, Phase, Process, read_lease
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot
    from rigd.reporting.standing import Standing
    from rigd.store.paths import Home

BEAT_S = 5.0
"""The supervisor is missed when its beat is older [s]."""
FREE_MB = 512
"""Room for a session's reserves and its backup [MB]."""
SIMULATED = BrokerCode.SIM.value
CHANNELS = ("email", "slack", "sms", "pagerduty")
"""The channels of alerts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the bot, or a service that it uses.

    Parameters
    ----------
    name
        What it is called.
    well
        Whether it is well; None when it is not used.
    detail
        What was found.
    """

    name: str
    well: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The whole bot.

    Parameters
    ----------
    state
        As `rigd.reporting.standing` tells it; blank when nobody says it.
    parts
        Each part.
    """

    state: str
    parts: tuple[Part, ...]

    @property
    def well(self) -> bool:
        """Tell whether no part is ill."""
        return all(part.well is not False for part in self.parts)

    def as_fields(self) -> dict[str, object]:
        """Return it as one JSON object."""
        services = {
            part.name: {"status": _WORDS[part.well], "detail": part.detail} for part in self.parts
        }
        return {"status": _WORDS[self.well], "state": self.state, "services": services}


_WORDS = {True: "healthy", False: "unhealthy", None: "not used"}


def examine(home: Home, clock: ControlClock) -> Health:
    """Return how the bot of a home is; nothing is written.

    Parameters
    ----------
    home
        Whose bot.
    clock
        The control clock.

    Returns
    -------
    Health
        Every part and every external service; what cannot be read is ill and says why.
    """
    parts = [_supervisor(home, clock), _panel(home), _disk(home)]
    bot: Bot | None = None
    if not is_provisioned(home):
        parts.append(Part(name="settings", well=None, detail="no bot yet"))
    else:
        try:
            bot = open_bot(home, checkout() / "VERSION.md")
        except RigdError as error:
            parts.append(Part(name="settings", well=False, detail=error.message))
        else:
            parts.append(Part(name="settings", well=True, detail=bot.settings_source))
            lease = read_lease(home.bot(bot.identity).lease)
            parts += [_engine(lease, clock), *_services(home, bot, lease)]
    stands = standing(home, bot.identity if bot else None)
    return Health(state=stands.state or "", parts=(parts[0], _state(stands), *parts[1:]))


def _supervisor(home: Home, clock: ControlClock) -> Part:
    lease = read_lease(home.resident_lease)
    if lease is None or not lease.owner.lives:
        return Part(name="supervisor", well=False, detail="none runs; next: rigd up")
    age = lease.age_s(clock.monotonic())
    return Part(
        name="supervisor",
        well=age <= BEAT_S,
        detail=f"process {lease.owner.pid}, its last beat {age:.1f} s old",
    )


def _state(stands: Standing) -> Part:
    ill = {BotState.ERROR, *GROUPS[StateGroup.DOWN]}
    words = [text for text in (stands.state, stands.told) if text]
    return Part(
        name="bot",
        well=stands.state is not None and stands.state not in ill,
        detail="; ".join(words) or "no state yet",
    )


def _panel(home: Home) -> Part:
    known = read_known(home)
    if not known.panel_pid:
        return Part(name="panel", well=None, detail="not started")
    lives = Process(pid=known.panel_pid, born=known.panel_born, boot=known.panel_boot).lives
    detail = f"process {known.panel_pid} {'on port ' + str(known.panel_port) if lives else 'gone'}"
    return Part(name="panel", well=lives, detail=detail)


def _disk(home: Home) -> Part:
    place = home.root if home.root.exists() else home.root.parent
    free = shutil.disk_usage(place).free // 1_000_000
    return Part(name="disk", well=free >= FREE_MB, detail=f"{free} MB free, {FREE_MB} MB needed")


def _engine(lease: Lease | None, clock: ControlClock) -> Part:
    if lease is None or lease.phase is Phase.ENDED or not lease.owner.lives:
        return Part(name="engine", well=None, detail="no session runs")
    now = clock.monotonic()
    detail = f"process {lease.owner.pid} {lease.phase}, its last beat {lease.age_s(now):.1f} s old"
    return Part(name="engine", well=not lease.is_late(now), detail=detail)


def _services(home: Home, bot: Bot, lease: Lease | None) -> list[Part]:
    """Return every external service, each used or not (INVENTORY Q11)."""
    runs = lease is not None and lease.phase is not Phase.ENDED and lease.owner.lives
    status = read_fields(Registry(home, bot.identity).path("status.json")) if runs else {}
    return [service(bot, status) for service in SERVICES.values()]


def _broker(code: BrokerCode) -> Callable[[Bot, dict[str, object]], Part]:
    def part(bot: Bot, status: dict[str, object]) -> Part:
        name = f"broker {code.value}"
        if bot.identity.broker_code != code.value:
            return Part(name=name, well=None, detail="another broker is this bot's")
        mode = str(status.get("risk_mode", ""))
        if not mode:
            return Part(name=name, well=None, detail="asked while a session runs")
        well = mode != RiskMode.REDUCING
        return Part(name=name, well=well, detail=f"risk mode {mode}: {status.get('reason', '')}")

    return part


def _market_data(_bot: Bot, status: dict[str, object]) -> Part:
    if not status:
        return Part(name="market data", well=None, detail="asked while a session runs")
    down = Emergency.DATA_DOWN in str(status.get("reason", ""))
    detail = f"{status.get('data_label', '')}, market time {status.get('market_time', '')}"
    return Part(name="market data", well=not down, detail=detail)


def _finnhub(bot: Bot, _status: dict[str, object]) -> Part:
    kept = (bot.home.env / "secrets" / "screener_api.json.enc").exists()
    return Part(
        name="finnhub",
        well=None,
        detail="credentials are kept; asked when a universe is built" if kept else "no credentials",
    )


def _channel(name: str) -> Callable[[Bot, dict[str, object]], Part]:
    def part(bot: Bot, _status: dict[str, object]) -> Part:
        used = {
            str(bot.settings.critical_alert_channel),
            str(bot.settings.routine_alert_channel),
        }
        detail = "a channel of alerts" if name in used else "no channel of this bot"
        return Part(name=f"alerts {name}", well=None, detail=detail)

    return part


SERVICES: dict[str, Callable[[Bot, dict[str, object]], Part]] = {
    **{f"broker {code.value}": _broker(code) for code in BrokerCode},
    "market data": _market_data,
    "finnhub": _finnhub,
    **{f"alerts {name}": _channel(name) for name in CHANNELS},
}
"""Every external service that the bot may use, by name."""
