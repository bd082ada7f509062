"""I-22 for errors: an exception whose words and frames hold secrets leaves none in any file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import LogicError, NetworkError, SecretError
from rigd.core.lifecycle import BotState
from rigd.hosts import engine_run, finishing, keys, session
from rigd.hosts.bot import env_door
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.up.service import _Guarded
from rigd.hosts.up.worker import ThreadWorker
from rigd.store.paths import Home
from rigd.vault.secrets import SCREENER
from tests.canaries import Canaries, files_below
from tests.fakes.clock import FakeClock
from tests.hosts.homes import ONE_SYMBOL, demo, short_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMS = (
    "GET https://ada:{}@broker.example.org/v2/orders: 401",
    "401 Client Error for url: https://api.example.org/v1?symbol=FB&token={}",
    "{{'Authorization': 'Bearer {}', 'Accept': '*/*'}}",
    'invalid_auth: {{"api_key": "{}", "code": 7}}',
    "login failed with password='{}'",
    "secret key: {}",
)
"""How the words of other people's libraries hold what they were given."""


class ForeignError(Exception):
    """An exception of somebody else's library, raised from another one of them."""


def raiser(canaries: Canaries, form: str) -> Callable[..., None]:
    """What fails with a secret in its words, its frames and its cause."""
    hidden, cause = canaries.make("in words", form), canaries.make("in the cause", form)
    framed = canaries.make("in a frame")

    def call(*_: object) -> None:
        password = framed
        raise ForeignError(hidden) from (OSError(cause) if password else None)

    return call


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(finishing, "report_html", short_report)
    return demo(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_an_engine_that_fails_shows_and_keeps_no_secret(
    home: Home, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The notebook raises our own error, alone; journal, logs and kernel.json hold none."""
    canaries = Canaries()
    call, housekeep = raiser(canaries, form), engine_run.EngineRun._housekeep

    def failing(run: engine_run.EngineRun, minute: int) -> None:
        housekeep(run, minute)
        try:
            call()
        except ForeignError as error:
            if minute > 2:
                raise
            run.commands.report(error, f"cell {minute}", fatal=False)

    monkeypatch.setattr(engine_run.EngineRun, "_housekeep", failing)
    handle = session.start(str(home.root), ONE_SYMBOL.to_json())
    with pytest.raises(LogicError, match="ForeignError") as caught:
        handle.wait()
    error = caught.value
    assert error.__suppress_context__
    assert error.__cause__ is None
    places = [*files_below(home.root), ("notebook", f"{error!r} {error.args}".encode())]
    told = {name.rpartition("/")[2] for name, content in places if b"ForeignError" in content}
    assert told >= {"journal.log", "error_tracebacks.log", "kernel.json", "notebook"}
    assert len(canaries.names) == 3
    assert canaries.hits(places) == []


def test_an_error_of_ours_reaches_the_notebook_without_its_cause(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an adapter translated is told; what it was made of is not."""
    canaries = Canaries()
    call = raiser(canaries, FORMS[1])

    def translated(*_: object) -> None:
        try:
            call()
        except ForeignError as error:
            msg = "the feed must answer, it refused"
            raise NetworkError(msg) from error

    monkeypatch.setattr(engine_run.EngineRun, "_trade", translated)
    handle = session.start(str(home.root), ONE_SYMBOL.to_json())
    with pytest.raises(NetworkError, match="it refused") as caught:
        handle.wait()
    assert caught.value.__cause__ is None
    assert canaries.hits(files_below(home.root)) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_supervisor_that_goes_on_tells_no_secret(tmp_path: Path, form: str) -> None:
    """Console, supervisor.log and what the panel is told as the reason."""
    canaries, told, reasons = Canaries(), [], []

    class Resident:
        over = False
        fail = staticmethod(reasons.append)

    home = Home(tmp_path)
    BotStateFile(home).write(BotState.IDLE.value)
    guarded = _Guarded(home, FakeClock(), Resident(), told.append)  # type: ignore[arg-type]
    guarded.do(raiser(canaries, form))
    worker = ThreadWorker()
    worker.begin(raiser(canaries, form))  # type: ignore[arg-type]
    while (done := worker.result()) is None:
        pass
    assert "ForeignError" in told[0]
    assert "ForeignError" in done.text
    (row,) = (home.logs / "supervisor.log").read_text().splitlines()
    assert "ForeignError" in json.loads(row)["raw_exception"]
    places = [*files_below(tmp_path), ("told", f"{told}{reasons}{done}".encode())]
    assert canaries.hits(places) == []


def test_a_vault_that_does_not_open_tells_nothing_of_what_is_inside(home: Home) -> None:
    """A secret file that was cut, and one that is no JSON: what is said names the file alone."""
    canaries = Canaries()
    content = canaries.make("no JSON", "FINNHUB_API_KEY={}").encode()
    keys.exchange(home, FakeClock(), "test", "planted", {SCREENER: content})
    door = env_door(home)
    door.replace(SCREENER, door.read(SCREENER)[:-3])
    with pytest.raises(SecretError) as caught:
        session.start(str(home.root), ONE_SYMBOL.to_json())
    told = f"{caught.value}{caught.value.__context__}"
    assert SCREENER in told
    assert canaries.hits([*files_below(home.root), ("told", told.encode())]) == []
