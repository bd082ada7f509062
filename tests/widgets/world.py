"""A home with one session in it, and fakes of what a page is given."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from rigd.access.roles import Action, Role, may
from rigd.access.users import User
from rigd.config.choices import LogFormat
from rigd.core.errors import AccessError, RigdError
from rigd.core.values import BotIdentity
from rigd.reporting.trades import export_trades
from rigd.store.files import make_folder
from rigd.store.journal import genesis, open_journal
from rigd.store.lease import Beat, Phase
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.ledger.books import ledger
from tests.reporting.journals import session
from widgets.desk import Block, Desk
from widgets.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import ipywidgets

    from widgets.markup import Html

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
DAY = date(2013, 10, 7)
SESSION = "2013-10-07_1"
ATTACK = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>"


class FakeSession:
    """A log-in whose role the test changes."""

    digest = "d" * 64

    def __init__(self, role: Role = Role.ADMIN, name: str = "ada") -> None:
        self.role: Role | None = role
        self.name = name
        self.required: list[tuple[Action, bool]] = []

    def user(self) -> User:
        if self.role is None:
            raise AccessError("the log-in must be alive, it ended")
        return user(self.name, self.role)

    def may(self, action: Action) -> bool:
        return may(self.role, action)

    def require(self, action: Action) -> User:
        self.required.append((action, self.may(action)))
        if not self.may(action):
            raise AccessError(f"{action} must be granted, was not")
        return self.user()


@dataclass(frozen=True)
class FakeAnswer:
    """What the supervisor said."""

    text: str
    done: bool = True
    at: datetime = datetime(2024, 3, 4, 14, tzinfo=UTC)


class FakeRequests:
    """Keeps what was sent, after the same question to the session as the real one."""

    def __init__(self) -> None:
        self.sent: list[tuple[Action, str, dict[str, str]]] = []
        self.reply: FakeAnswer | None = FakeAnswer("it was done")

    def send(
        self,
        session: FakeSession,
        action: Action,
        *,
        why: str = "",
        payload: Mapping[str, str] | None = None,
    ) -> str:
        session.require(action)
        self.sent.append((action, why, dict(payload or {})))
        return "0" * 32

    def answer(self, _: str) -> FakeAnswer | None:
        return self.reply


class FakePeople:
    """Users in a list."""

    def __init__(self, users: list[User]) -> None:
        self.users = users
        self.done: list[tuple[object, ...]] = []

    def __iter__(self) -> Iterator[User]:
        return iter(self.users)

    def __getattr__(self, name: str) -> Callable[..., str]:
        def call(*args: object, **kwargs: object) -> str:
            self.done.append((name, *args, *kwargs.items()))
            return "token-1"

        return call


class Inline:
    """Work that is done at once."""

    def do(self, blocking: Any, then: Any, failed: Any) -> None:
        try:
            found = blocking()
        except RigdError as error:
            failed(error)
        else:
            then(found)

    def until(self, asked: Any, then: Any, given_up: Any) -> None:
        found = asked()
        if found is None:
            given_up()
        else:
            then(found)


@dataclass
class World:
    """Everything that a test of a page needs."""

    home: Home
    session: FakeSession = field(default_factory=FakeSession)
    requests: FakeRequests = field(default_factory=FakeRequests)
    people: FakePeople = field(
        default_factory=lambda: FakePeople([user("ada", Role.ADMIN), user("vera", Role.VIEWER)])
    )
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def desk(self) -> Desk:
        @contextmanager
        def opened() -> Iterator[FakePeople]:
            yield self.people

        return Desk(
            session=self.session,
            requests=self.requests,
            facts=Facts(self.home, self.clock),
            people=opened,
            clock=self.clock,
            work=Inline(),
        )

    def page(self, kind: Any) -> Any:
        """A page, read and drawn once."""
        page = kind(self.desk)
        page.draw(page.read())
        return page

    def write(self, name: str, content: object, **where: Any) -> Path:
        """Put a file where the output table has it."""
        path = Registry(self.home, BOT, **where).path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    def state(self, name: str) -> None:
        """Put the bot into a state, as a supervisor that lives says it."""
        make_folder(self.home.resident_lease.parent)
        Beat(self.home.resident_lease, self.clock, life_s=10.0).beat(Phase.WATCHING)
        self.write("bot_state.txt", f"{name}\n")

    def status(self, **changes: object) -> None:
        """Write status.json with some fields changed."""
        self.write("status.json", STATUS | changes)


STATUS: dict[str, Any] = {
    "label": "monitoring only; official = ledger",
    "status": "RUNNING",
    "state": "trading",
    "reason": "window open",
    "risk_mode": "ACTIVE",
    "marks": ["TEST"],
    "profile": "TEST",
    "test_mode": False,
    "bot": str(BOT),
    "broker": "SIM",
    "pid": 4711,
    "session": SESSION,
    "data_label": "real minute bars",
    "minute": 170,
    "market_time": "2013-10-07T16:20:00Z",
    "updated_at": "2024-03-04T13:59:59Z",
    "uptime_s": 3725,
    "currency": "USD",
    "pnl": {"realised": "12.8", "unrealised": "3.2", "total": "16"},
    "trades": 3,
    "signals": 7,
    "positions": [
        {
            "symbol": "IBM",
            "strategy": "open",
            "qty": "-10",
            "entry_price": "100.5",
            "mark": "100.18",
            "unrealised": "3.2",
        }
    ],
    "strategies": [
        {
            "name": "open",
            "window_minutes": "0-60",
            "signals": 2,
            "trades": 1,
            "pnl": "14.8",
            "win_rate": 1,
        }
    ],
    "float": {
        "amount": "100000",
        "session_cap": "2000",
        "used": "500",
        "used_fraction": "0.25",
    },
    "limits": {"max_open_positions": "5", "daily_loss_limit": "5000"},
    "defense_mode": False,
    "kill_switch": {"tripped": False, "cause": ""},
    "exit_code": None,
}


def user(name: str, role: Role) -> User:
    """A user of a role."""
    at = "2024-01-01T00:00:00Z"
    return User(name=name, role=role, enabled=True, created_at=at, changed_at=at)


def empty_world(root: Path) -> World:
    """A home in which nothing ever ran."""
    return World(Home(root))


def world(root: Path) -> World:
    """A home with the hand-made session of `tests.reporting.journals` in it."""
    made = empty_world(root)
    entries = session()
    path = Registry(made.home, BOT, day=DAY, number=1).path("journal.log")
    path.parent.mkdir(parents=True)
    journal = open_journal(path, genesis(BOT, DAY, 1), 4096)
    for entry in entries:
        journal.append(entry.at, entry.record)
    journal.sync()
    journal.log.close()
    trades = export_trades(entries, LogFormat.JSON).decode()
    made.write("session/trade_history.json", trades, day=DAY, number=1)
    books = made.home.bot(BOT).ledger_db
    books.parent.mkdir(parents=True)
    with_books = ledger(books)
    for entry in entries:
        with_books.post(entry, SESSION)
    with_books.close()
    made.status()
    made.state("trading")
    made.write("lease.json", {"at": "2024-03-04T13:59:58Z"})
    made.write("main_bot.log", '{"timestamp":"t1","level":"INFO","event":"started"}\n')
    return made


def widgets_of(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and everything below it."""
    return [widget] + [w for child in getattr(widget, "children", ()) for w in widgets_of(child)]


def is_shown(widget: ipywidgets.Widget) -> bool:
    """Whether nothing hides the widget itself."""
    return widget.layout.display != "none"


def markup(widget: ipywidgets.Widget) -> str:
    """All the markup that a widget shows, without what is hidden."""
    if not is_shown(widget):
        return ""
    own = widget.value if isinstance(widget, Block) else ""
    return own + "".join(markup(child) for child in getattr(widget, "children", ()))


def words(shown: ipywidgets.Widget | Html | str) -> str:
    """The text that a person reads, words parted by single blanks."""
    text = _Reader()
    text.feed(shown if isinstance(shown, str) else markup(shown))
    return " ".join(" ".join(text.held).split())


def press(widget: ipywidgets.Button) -> None:
    """What the browser says when a button is pressed, also of one that is disabled or hidden."""
    widget._handle_button_msg(widget, {"event": "click"}, [])


class _Reader(HTMLParser):
    """Reads text, elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_data(self, data: str) -> None:
        self.held.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """The elements of markup with their attributes, as a browser finds them."""
    reader = _Reader()
    reader.feed(text)
    return reader.elements
