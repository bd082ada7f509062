"""Alerts on their way: a thread of its own, a bounded queue, a durable list of what is pending.

The journal has every alert before it comes here, and alerts.log has what became of it. Nothing here
blocks the engine or fails it: a channel that is down leaves a row, and the next one is asked. What
a crash left unsent is sent by the next run of the session (INVENTORY A1 to A16, FAULTS X10).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from rigd.config.choices import AlertChannel
from rigd.core.clock import from_iso, iso
from rigd.core.errors import ConfigError, LogicError, RigdError
from rigd.hosts.bot import env_door, env_file, keyring
from rigd.hosts.operator_audit import audit
from rigd.net.channels import Channels, Message
from rigd.reporting.alerts import (
    Alert,
    AlertFold,
    Silence,
    channel_of,
    escalation,
    is_number,
    routes_of,
    silence,
    step_of,
)
from rigd.store.registry import Registry
from rigd.vault.secrets import ALERTS, SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.config.schema import Settings
    from rigd.core.events import Entry
    from rigd.core.ports import Clock
    from rigd.core.values import BotIdentity
    from rigd.net.channels import Sent
    from rigd.store.paths import Home

WRITER = "rigd.hosts.notifying"
LOG = "alerts.log"
PENDING = "alerts.json"
ACKNOWLEDGED = "alerts_acknowledged.json"
QUEUE: Final = 256
"""How many alerts may wait; the journal has the others."""
TOLD: Final = 1000
"""How many numbers of alerts that are done with are remembered."""
LOOK_S: Final = 0.25
PATIENCE_S: Final = 5.0
"""How often the thread looks around, and how long its end is waited for [s]."""


def setup_of(home: Home) -> dict[str, str]:
    """Return the fields of ``alerts.json``, with the mail server of ``.env`` where it names none.

    Parameters
    ----------
    home
        Whose.

    Returns
    -------
    dict of str to str
        Addresses, passwords and tokens: for `Channels` alone.

    Raises
    ------
    SecretError, ConfigError
        If one of the files does not open.
    """
    server = env_file(home.live).smtp()
    secrets = SecretStore(env_door(home.live), keyring(home.live))
    if not secrets.exists(ALERTS):
        return server
    held = {str(name): str(text) for name, text in json.loads(secrets.read(ALERTS)).items()}
    return held if held.get("SMTP_HOST") else server | held


def acknowledge(home: Home, number: str, by: str, clock: Clock) -> str:
    """Note that somebody has seen an alert: it goes to no further channel.

    Parameters
    ----------
    home
        Whose.
    number
        The alert's.
    by
        Who has seen it.
    clock
        Says when.

    Returns
    -------
    str
        For people.

    Raises
    ------
    ConfigError
        If it is no number of an alert.
    """
    if not is_number(number):
        msg = "an alert must be named by its number, such as 2024-03-04_1-17, was another text"
        raise ConfigError(msg)
    with Registry(home.live) as registry:
        audit(registry, clock, "alert_acknowledged", {"alert": number})
        seen = _acknowledged(registry)
        seen[number] = {"at": iso(clock.now()), "by": by}
        newest = dict(list(seen.items())[-TOLD:])
        registry.write(ACKNOWLEDGED, json.dumps(newest, indent=1).encode() + b"\n", writer=WRITER)
    return f"alert {number} is acknowledged"


class Notifier:
    """The alerts of one session.

    Parameters
    ----------
    home, identity
        Whose.
    fold
        Reads alerts off the journal.
    session
        The session's key.
    clock
        The control clock: alerts age in wall time.
    settings
        Returns the settings in force.
    setup
        Returns the fields of ``alerts.json``.
    stop
        Asks the session to stop, once, with the reason.
    send
        Tells a channel; by default through Apprise.
    """

    def __init__(
        self,
        home: Home,
        identity: BotIdentity,
        fold: AlertFold,
        session: str,
        clock: Clock,
        settings: Callable[[], Settings],
        setup: Callable[[], Mapping[str, str]],
        stop: Callable[[str], None],
        send: Callable[[Channels, str, Message], tuple[Sent, ...]] = Channels.send,
    ) -> None:
        self._registry = Registry(home, identity)
        self._fold = fold
        self._session = session
        self._clock = clock
        self._settings = settings
        self._setup = setup
        self._stop = stop
        self._send = send
        self._queue: Queue[Alert] = Queue(QUEUE)
        self._lost = 0
        self._ended = Event()
        self._thread: Thread | None = None
        self._told: list[str] = []
        self._pending: dict[str, _Pending] = {}
        self._silence = Silence.HEARD
        self._asked = False
        self._load()

    @property
    def silence(self) -> Silence:
        """What follows from alerts that nobody acknowledged."""
        return self._silence

    def advance(self, entry: Entry) -> None:
        """Take in an entry that is durable in the journal; never waits, never raises.

        Parameters
        ----------
        entry
            The next one of the session.
        """
        alert = self._fold.alert(entry)
        if alert is None:
            return
        try:
            self._queue.put_nowait(alert)
        except Full:
            self._lost += 1

    def start(self) -> None:
        """Begin to send, in a thread of its own."""
        self._thread = Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; what a channel holds up stays pending for the next run."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            if self._thread.is_alive():
                return
        self._registry.close()

    def look(self) -> None:
        """Take what waits, send what is due, and see who has acknowledged; never raises."""
        try:
            self._look()
        except (RigdError, OSError, ValueError, LookupError) as error:
            self._row("", "", "", (("", False, f"failed: {type(error).__name__}"),))

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            self.look()
        self.look()

    def _look(self) -> None:
        new = self._taken()
        if not new and not self._pending:
            return
        settings, setup = self._settings(), self._fields()
        channels = Channels(setup)
        routes = routes_of(setup.get("ROUTES", ""))
        for alert in new:
            first = channel_of(alert, settings, routes)
            known = alert.number in self._told or alert.number in self._pending
            if first is None or known:
                continue
            there = [AlertChannel(name) for name in channels.there]
            order = escalation(first, setup.get("ESCALATION", ""), there)
            way = order if alert.critical else (first,)
            self._pending[alert.number] = _Pending(alert, way, self._clock.now())
        if not self._pending:
            return
        self._save()
        acknowledged = _acknowledged(self._registry)
        for number, each in list(self._pending.items()):
            if number in acknowledged:
                self._done(number)
                continue
            self._go_on(each, channels)
            if not each.alert.critical or not number.startswith(f"{self._session}-"):
                self._done(number)
        self._save()
        now = self._clock.now()
        self._silence = silence({
            number: (now - each.since).total_seconds() for number, each in self._pending.items()
        })
        if self._silence is Silence.STOP and not self._asked:
            self._asked = True
            self._stop(f"nobody acknowledged {', '.join(sorted(self._pending))} for 5 minutes")

    def _fields(self) -> dict[str, str]:
        """Return the channels' fields; without them every sending fails, and that is on record."""
        try:
            return dict(self._setup())
        except (RigdError, ValueError, AttributeError) as error:
            self._row("", ALERTS, "", (("", False, f"cannot be read: {type(error).__name__}"),))
            return {}

    def _go_on(self, each: _Pending, channels: Channels) -> None:
        """Send an alert to the channels whose turn has come, one more for each silent minute."""
        age = (self._clock.now() - each.since).total_seconds()
        while each.tried < step_of(age, len(each.way)):
            channel, alert = each.way[each.tried], each.alert
            message = Message(
                title=alert.title,
                text=alert.text(),
                critical=alert.critical,
                dedup=alert.dedup,
                fields=alert.fields(),
            )
            sent = self._send(channels, channel.value, message)
            each.tried += 1
            self._row(alert.number, alert.event, channel.value, sent)

    def _taken(self) -> list[Alert]:
        found = []
        while True:
            try:
                found.append(self._queue.get_nowait())
            except Empty:
                break
        if self._lost:
            lost, self._lost = self._lost, 0
            why = f"{lost} alert(s) found the queue full: the journal has them"
            self._row("", "queue", "", (("", False, why),))
        return found

    def _done(self, number: str) -> None:
        del self._pending[number]
        self._told = [*self._told, number][-TOLD:]

    def _row(
        self, number: str, event: str, channel: str, sent: tuple[tuple[str, bool, str], ...]
    ) -> None:
        at = iso(self._clock.now())
        for who, ok, why in sent:
            row = {
                "timestamp": at,
                "alert": number,
                "event": event,
                "channel": channel,
                "who": who,
                "sent": ok,
                "why": why,
            }
            try:
                self._registry.append_line(LOG, json.dumps(row, sort_keys=True), writer=WRITER)
            except RigdError:
                return

    def _save(self) -> None:
        content = {
            "told": self._told,
            "pending": [each.as_json() for each in self._pending.values()],
        }
        text = json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"
        self._registry.write(PENDING, text, writer=WRITER)

    def _load(self) -> None:
        """Take up what an earlier run left; its alerts age from now on."""
        try:
            held = json.loads(self._registry.read(PENDING) or b"{}")
            self._told = [str(number) for number in held.get("told", ())]
            for each in held.get("pending", ()):
                found = _Pending.of_json(each, self._clock.now())
                self._pending[found.alert.number] = found
        except (RigdError, ValueError, LookupError, TypeError, AttributeError):
            self._row("", PENDING, "", (("", False, "what was pending cannot be read"),))


class _Pending:
    """An alert on its way: the channels in order, how many were tried, and since when."""

    __slots__ = ("alert", "since", "tried", "way")

    def __init__(
        self, alert: Alert, way: tuple[AlertChannel, ...], since: datetime, tried: int = 0
    ) -> None:
        self.alert = alert
        self.way = way
        self.since = since
        self.tried = tried

    def as_json(self) -> dict[str, object]:
        way = [channel.value for channel in self.way]
        return {
            "alert": self.alert.as_json(),
            "way": way,
            "since": iso(self.since),
            "tried": self.tried,
        }

    @classmethod
    def of_json(cls, held: dict[str, object], now: datetime) -> _Pending:
        alert, way, tried = held["alert"], held["way"], held["tried"]
        if not isinstance(alert, dict) or not isinstance(way, list) or not isinstance(tried, int):
            msg = "a pending alert must have alert, way and tried, found others"
            raise LogicError(msg)
        since = now - timedelta(seconds=60.0 * max(0, tried - 1))
        since = max(since, from_iso(str(held["since"]))) if tried else now
        return cls(Alert(**alert), tuple(AlertChannel(name) for name in way), since, tried)


def _acknowledged(registry: Registry) -> dict[str, object]:
    """Return the alerts that somebody has seen; none where that cannot be read."""
    try:
        held = json.loads(registry.read(ACKNOWLEDGED) or b"{}")
    except (RigdError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def try_channels(
    home: Home, identity: BotIdentity, profile: str, clock: Clock
) -> dict[str, tuple[Sent, ...]]:
    """Send a trial alert to every channel that is set up, and return what came of each.

    Parameters
    ----------
    home, identity, profile
        Whose.
    clock
        Says when.

    Returns
    -------
    dict of str to tuple of Sent
        Outcomes by channel; empty when none is set up.

    Raises
    ------
    SecretError
        If the channels' file does not open.
    """
    channels, at = Channels(setup_of(home)), iso(clock.now())
    alert = Alert(
        number=f"{at[:10]}_0-0",
        timestamp=at,
        bot=str(identity),
        profile=profile,
        critical=False,
        event="trial",
        cause="rigd alerts test",
    )
    message = Message(
        title=alert.title,
        text=alert.text(),
        critical=False,
        dedup=alert.dedup,
        fields=alert.fields(),
    )
    return {channel: channels.send(channel, message) for channel in channels.there}
