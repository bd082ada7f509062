"""I-22 over the running product: every secret planted, every place read, nothing found.

One day is played: `rigd up` with its panel, the first administrator, users, credentials typed on
the configuration page, a session with alerts, wrong forms, a page of each kind, commands, rotations
and a database that breaks. Then each kind of place is swept for itself.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.core.clock import SystemClock
from rigd.core.lifecycle import BotState
from rigd.hosts import keys
from rigd.hosts.bot import env_door, keyring
from rigd.hosts.panel.policy import PAGES, ROWS
from rigd.store.paths import Home
from rigd.vault.secrets import CREDENTIALS, IDENTITY, SecretStore
from tests.canaries import ENV_FILE, FIELDS, VARIABLES, Canaries, files_below
from tests.net.sinks import MailSink, serving
from tests.system.evidence import session_folders
from tests.system.panel import Served, reached
from tests.system.planted import OpenPage, ProcessWatch, Recorded, Seen
from tests.system.processes import free_port, run_rigd, wait_until
from tests.system.up_process import Up, prepare, up
from widgets.pages import PAGES as LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

CLOCK = SystemClock()
SLOW_S = 300.0
TOKEN = re.compile(r"with this token.*: (\S+)")
FILLED = {"<name>": "auth_web.log", "<form>": "csv", "<path>": "voila.js", "<kernel>": "a-b-c-d-e"}
FIRST = {"viewer": "/status", "auditor": "/books", "operator": "/settings", "admin": "/"}
"""Which page each role opens first, before it goes through all the others."""
TOLD = (
    *("NOTIFY_ON_FILL=true", "NOTIFY_ON_EXIT=true"),
    *("ROUTINE_ALERT_CHANNEL=email", "CRITICAL_ALERT_CHANNEL=slack"),
)
FORMS = ("/login", "/register", "/reset", "/confirm")
COMMANDS = (
    "doctor",
    "health --detailed",
    "config show",
    "config check",
    "alerts test",
    "verify latest",
    "why FB",
    "users list",
    "risk show",
    "keys rotate --reason swept",
    "nonsense",
)


class Day:
    """One day of a bot whose every secret is known to the test."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root, self.home, self.stack = root, Home(root), stack
        self.canaries, self.seen = Canaries(), Seen()
        self.allowed: dict[str, set[str]] = {}
        self.words: dict[str, str] = {}
        self.mails = 0

    def plant_environment(self) -> None:
        """The operator's shell, and the readable `.env`."""
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        for name, form in VARIABLES.items():
            patch.setenv(name, self.canaries.make(f"variable {name}", form))
        lines = []
        for name, form in ENV_FILE.items():
            lines.append(f"{name}={self.canaries.make(f'.env {name}', form)}\n")
            self.allowed[f".env {name}"] = {"files:env/.env"}
        path = self.home.env / ".env"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))
        path.chmod(0o600)

    def plant_credentials(self) -> None:
        """A production identity beside the simulated broker: only such a profile holds any.

        The supervisor runs already, so that Start still runs a session of the sample at once.
        """
        store = SecretStore(env_door(self.home), keyring(self.home))
        identity = json.loads(store.read(IDENTITY))
        books = f"TEST-{identity['OFX_ACCOUNT_ID']}"  # as the profile before had called them
        identity |= {"PROFILE": "PRODUCTION", "OFX_ACCOUNT_ID": books}
        changes = {IDENTITY: json.dumps(identity).encode()}
        for name in CREDENTIALS:
            form = name.removeprefix("secrets/").removesuffix(".json.enc")
            changes[name] = json.dumps(self.canaries.fields(form)).encode()
        self.know_keys()
        keys.exchange(self.home, CLOCK, "test", "planted", changes)
        self.know_keys()
        self.canaries.know("bot_identity.json as a whole", changes[IDENTITY])

    def know_keys(self) -> None:
        """Every key that lies there now; each may stand in its own folder alone."""
        folder = self.home.env / "keys"
        for path in [folder / "env.key", *folder.glob("retired/*.key")]:
            self._know(f"key {path.read_text()[:6]}", path.read_bytes().strip(), "files:env/keys/")
        signing = json.loads(self.home.request_keys.read_bytes())["mac"]
        self._know("key of requests", signing, "files:env/keys/")
        self._know("key of requests, raw", bytes.fromhex(signing), "files:env/keys/")

    def _know(self, name: str, found: bytes | str, *allowed: str) -> None:
        self.canaries.know(name, found)
        self.allowed[name] = {*allowed}

    def served(self, running: Up, port: int) -> Served:
        """The panel of the supervisor."""
        served = reached(self.home, f"http://127.0.0.1:{port}", running.process)
        self.stack.callback(lambda: [each.close() for each in served.opened])
        return served

    def register(self, running: Up, served: Served) -> None:
        """The first administrator by the console's token, and a user of each other role."""
        wait_until("a token", lambda: TOKEN.search(running.console) is not None)
        found = TOKEN.search(running.console)
        assert found is not None
        self._know("token of registration", found[1], "console:")
        self.words = {role.value: self.canaries.make(f"password of {role}") for role in Role}
        nobody = Recorded(served, self.seen, "")
        nobody.get("/login")
        word = self.words["admin"]
        fields = {"username": "admin", "password": word, "again": word}
        wrong = self.canaries.make("a wrong token")
        assert nobody.post("/register", token=wrong, **fields).status_code == 401
        other = fields | {"again": self.canaries.make("another password")}
        assert nobody.post("/register", token=found[1], **other).status_code == 400
        assert nobody.post("/register", token=found[1], **fields).status_code == 303
        with users_of(self.home, CLOCK) as users:
            users._cost = 4
            for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR):
                users.add(role.value, role, self.words[role.value], by="admin")

    def log_in(self, served: Served) -> dict[str, Recorded]:
        """A browser of each role, and one of nobody; each cookie is a secret."""
        people = {"": Recorded(served, self.seen, "")}
        for name, word in self.words.items():
            people[name] = Recorded(served, self.seen, name, name, word)
            for cookie in people[name].http.cookies:
                if cookie.name != "_xsrf":
                    self._know(f"cookie {cookie.name} of {name}", str(cookie.value))
        return people

    def type_credentials(self, admin: Recorded, mail: MailSink) -> None:
        """The channels of alerts by the configuration page: refused first, then taken."""
        page = OpenPage(admin, "/configuration", self.seen)
        wanted = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail.port), "SMTP_SECURITY": "none"}
        wanted |= {"EMAIL_TO": "ada@example.org", **self.canaries.fields("alerts")}
        with closing(sqlite3.connect(self.home.users)) as database, database:
            database.execute("UPDATE sessions SET proved_s = 0")
        for word, answer in (("", "password must be given"), (self.words["admin"], "sealed with")):
            if word:
                assert admin.post("/confirm", password=word).status_code == 200
            page.choose("alerts")
            for name, text in wanted.items():
                page.set(text, description=name)
            page.press("Save")
            page.press("Confirm: seal")
            page.says(answer)
        self.know_keys()
        page.set(self.canaries.make("never sent"), description="SMS_TOKEN")
        page.states()
        page.close()

    def hand_out_reset(self, admin: Recorded, served: Served) -> None:
        """A user that is added with a password, and one that gets a token for a new one."""
        page = OpenPage(admin, "/users", self.seen)
        page.set("vera", placeholder="name")
        page.set(self.canaries.make("first password"), placeholder="first password")
        page.press("Add")
        page.says("vera is added")
        page.press("Offer reset")
        shown = re.search(r"one-time token for (\w+): ([\w-]+)", page.says("one-time token for"))
        assert shown is not None
        self._know("token of a reset", shown[2], f"pages:{page.place}")
        page.close()
        new = self.canaries.make("new password")
        fields = {"username": shown[1], "token": shown[2], "password": new, "again": new}
        nobody = Recorded(served, self.seen, "")
        wrong = fields | {"token": self.canaries.make("a wrong token of a reset")}
        assert nobody.post("/reset", **wrong).status_code == 401
        assert nobody.post("/reset", **fields).status_code == 303
        assert nobody.post("/reset", **fields).status_code == 401
        if shown[1] in self.words:
            self.words[shown[1]] = new

    def ask_every_route(self, people: dict[str, Recorded]) -> None:
        """Each row of the table by each role; forms with what nobody should have typed."""
        for name, browser in people.items():
            for row in ROWS:
                path = row.route
                for part, text in FILLED.items():
                    path = path.replace(part, text)
                if row.route.lstrip("/") in PAGES and browser.opens(path):
                    continue  # each page is opened once; what each role sees is swept in its own
                if row.method == "GET":
                    browser.get(path, params={"token": self.canaries.make(f"query of {path}")})
                elif path in FORMS:
                    typed = self.canaries.make(f"typed by {name} at {path}")
                    names = ("username", "password", "again", "token")
                    browser.post(path, **dict.fromkeys(names, typed))
                elif path != "/logout":
                    browser.send(row.method, path)

    def open_every_page(self, people: dict[str, Recorded]) -> None:
        """Each page that a role may see, in one kernel for each role."""
        for name, first in FIRST.items():
            page = OpenPage(people[name], first, self.seen)
            for row in LISTED:
                if row.listed:
                    page.press(row.title)
                    page.states()
            page.close()

    def break_users(self, people: dict[str, Recorded]) -> None:
        """The database of users is no database any more: errors that nobody foresaw."""
        self.home.users.write_bytes(b"no database at all" * 1000)
        for suffix in ("-wal", "-shm"):
            self.home.users.with_name(self.home.users.name + suffix).unlink(missing_ok=True)
        codes = set()
        for browser in people.values():
            for path in FORMS:
                typed = self.canaries.make(f"typed at {path} while it is broken")
                names = ("username", "password", "again", "token")
                codes.add(browser.post(path, **dict.fromkeys(names, typed)).status_code)
            browser.get("/settings", params={"password": self.canaries.make("query")})
        assert 500 in codes

    def every_place(self) -> list[tuple[str, bytes]]:
        """Every place of every kind."""
        return [each for places in self.seen.places.values() for each in places.items()]

    def sweep(self) -> dict[str, list[Any]]:
        """Every hit by kind of place."""
        allowed = {name: frozenset(places) for name, places in self.allowed.items()}
        return {
            kind: self.canaries.hits(held.items(), allowed)
            for kind, held in self.seen.places.items()
        }


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The day that is swept."""
    root = tmp_path_factory.mktemp("canaries") / "home"
    root.mkdir()
    with ExitStack() as stack:
        day = Day(root, stack)
        day.plant_environment()
        prepare(root)
        told = run_rigd(root, "config", "set", *TOLD, "--reason", "every fill is told")
        assert told.code == 0, told.err
        (root / "runs" / "control" / "bot_state.txt").unlink()
        root.with_name(f"{root.name}.console").unlink()
        mail = stack.enter_context(serving(MailSink()))
        play(day, mail)
        for name, content in files_below(root):
            day.seen.add("files", name, content)
        yield day


def play(day: Day, mail: MailSink) -> None:
    """Play the day."""
    port = free_port()
    with up(day.root, panel=port) as running:
        with ProcessWatch(running.process.pid, day.root, day.seen):
            served = day.served(running, port)
            day.register(running, served)
            people = day.log_in(served)
            day.plant_credentials()
            day.type_credentials(people["admin"], mail)
            raised = run_rigd(day.root, "flags", "raise", "start", "--reason", "swept")
            assert raised.code == 0, raised.err
            wait_until("an engine", lambda: bool(session_folders(day.root)), SLOW_S)
            day.open_every_page(people)
            (day.root / "runs" / "control" / "control_stop.flag").touch()
            running.wait_for(BotState.STOPPED, seconds=SLOW_S)
            backups = day.home.backups
            wait_until("a backup", lambda: bool(list(backups.glob("*.zip"))), SLOW_S)
            day.hand_out_reset(people["admin"], served)
            day.ask_every_route(people)
            for words in COMMANDS:
                ran = run_rigd(day.root, *words.split())
                day.seen.add("commands", words, f"{ran.code}\n{ran.out}\n{ran.err}".encode())
            day.know_keys()
            day.mails = len(mail.mails)
            day.break_users(people)
        day.seen.add("console", "", running.console.encode())


KINDS = ("files", "http", "pages", "processes", "commands", "console")


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_found(day: Day, kind: str, figure: Callable[[str, str], None]) -> None:
    """I-22: 0 hits in five encodings, in each kind of place that somebody can read."""
    held = day.seen.places[kind]
    size = sum(len(content) for content in held.values())
    figure(f"swept {kind}", f"{len(held)} places, {size / 1e6:.1f} MB")
    assert day.sweep()[kind] == []


def test_the_day_was_one_with_everything_in_it(day: Day) -> None:
    """What is swept is there: fields, mails, rows, children, pages of each role, and each answer.

    What is handed out once stands where it must: so the sweep sees what it looks for.
    """
    held = {kind: b"".join(places.values()) for kind, places in day.seen.places.items()}
    planted = [name for name in day.canaries.names if name.partition(".")[0] in FIELDS]
    assert len(planted) >= 17
    assert len(day.canaries.names) >= 100
    assert day.mails
    for name in ("token of registration", "token of a reset"):
        places = [hit.place for hit in day.canaries.hits(day.every_place()) if hit.secret == name]
        assert places
    files = " ".join(day.seen.places["files"])
    for part in ("session.ipynb", "alerts.log", "key_usage.log", ".zip", "backups/secrets_"):
        assert part in files, part
    for part in (b"rigd.hosts.panel", b"ipykernel_launcher", b"rigd.hosts.runner"):
        assert part in held["processes"], part
    codes = {place.rpartition(" ")[2] for place in day.seen.places["http"]}
    assert codes >= {"200", "302", "303", "400", "401", "403", "404", "500"}
    assert {place.split(" ")[0] for place in day.seen.places["pages"]} == {
        f"pages:{role.value}" for role in Role
    }
    assert b"Bot state" in held["pages"]
    assert b"decrypted" in day.seen.places["files"]["files:runs/logs/key_usage.log"]
