"""Review a past session from its record alone: journal, books, manifest (documents, phase 6).

Nothing is recomputed and nothing is changed: what the notebook shows was written by the session.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout, environment
from rigd.core.errors import ConfigError, ExitCode, RigdError
from rigd.hosts import records, session, supervisor
from rigd.hosts.books import check_books, verify_books
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.runner import Job
from rigd.hosts.throwaway import throwaway_home
from rigd.reporting import review_view, session_view, summary
from rigd.store import manifest
from rigd.store.files import make_folder
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.core.errors import Problem
    from rigd.core.events import Entry
    from rigd.hosts.bot import Bot

NOTEBOOK = "review.ipynb"
WRITER = "rigd.hosts.review"
TICK_S = 0.2


class Review:
    """The record of one session, opened for reading.

    Parameters
    ----------
    bot
        Whose session; of a dry run, the bot with the outputs of TEST_MODE.
    folder
        The session's folder.
    """

    def __init__(self, bot: Bot, folder: Path) -> None:
        self.bot = bot
        self.folder = folder

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """The journal; a changed one raises TamperError."""
        return records.entries_of(self.folder, self.bot.identity)

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is not as it was sealed, in the folder and in the books."""
        found = records.verify_record(self.folder, self.bot.identity)
        return [*found, *verify_books(self.bot, self.folder)]

    def verification(self) -> str:
        """Return whether the record is whole."""
        return review_view.verification(self.problems, len(self._sealed()))

    def show(self, view: Callable[[Sequence[Entry]], str]) -> str:
        """Return one block of `reporting.session_view` or `reporting.review_view`."""
        return view(self.entries)

    def why(self, symbol: str = "") -> str:
        """Return the chain of decisions about a symbol; blank for the first that traded."""
        return review_view.decisions(self.entries, symbol.upper())

    def summary(self) -> str:
        """Return the session's own copy of daily_summary.json."""
        path = self.folder / summary.NAME
        document = json.loads(path.read_bytes()) if path.is_file() else {}
        return review_view.summary(document)

    def books(self) -> str:
        """Return the balances of the books as they are now, or what is wrong with them."""
        problems, facts = check_books(self.bot)
        told = [(problem.where, problem.message) for problem in problems] or facts
        return session_view.books(told)

    def seal(self) -> str:
        """Return the seal and each sealed file with its size and digest."""
        sealed = self._sealed()
        pairs = [("seal", self._manifest().get("seal", "not sealed"))]
        pairs += [
            (name, f"{file['size']} bytes, {str(file['sha256'])[:16]}")
            for name, file in sorted(sealed.items())
        ]
        return review_view.seal(pairs)

    def _manifest(self) -> dict[str, Any]:
        try:
            return manifest.read(self.folder)
        except RigdError:
            return {}

    def _sealed(self) -> dict[str, Any]:
        files: dict[str, Any] = self._manifest().get("files", {})
        return files


def open_record(home: str, session_key: str = "latest") -> Review:
    """Open a past session for review.

    Parameters
    ----------
    home
        RIGD_HOME; blank for a throw-away folder, in which the built-in sample is run first.
    session_key
        ``latest``, a session such as ``2013-10-07_1``, or a folder.

    Returns
    -------
    Review
        The record; nothing is written.

    Raises
    ------
    ConfigError
        If there is no such record.
    """
    if not home:
        root = str(throwaway_home())
        session.start(root).wait()
        return open_record(root, session_key)
    place = Home(Path(home).expanduser().absolute())
    bot, folder = find(place, session_key)
    return Review(bot, folder)


def find(home: Home, session_key: str) -> tuple[Bot, Path]:
    """Return the bot and the folder of a record; one of a dry run has the bot's dry outputs."""
    bot = find_bot(home)
    folder = records.find_record(home, bot.identity, session_key)
    if folder.is_relative_to(home.dry.runs.resolve()):
        bot = open_bot(home.dry, checkout() / "VERSION.md")
    return bot, folder


def find_bot(home: Home) -> Bot:
    """Return the bot of a home; ConfigError says what makes one."""
    if not is_provisioned(home):
        msg = f"{home.root} must hold a bot, found none"
        raise ConfigError(msg, fix="run `rigd session` once: it provisions the demo, marked TEST")
    return open_bot(home, checkout() / "VERSION.md")


def run_review(home: Home, session_key: str, symbol: str) -> Path:
    """Execute the review notebook over a record by papermill; return the executed copy.

    Parameters
    ----------
    home
        RIGD_HOME.
    session_key
        As `open_record` takes it.
    symbol
        Whose decisions are told in full; blank for the first that traded.

    Returns
    -------
    Path
        ``runs/{bot}/reviews/{session}.ipynb``; the session's own folder stays as it was sealed.

    Raises
    ------
    ConfigError
        If there is no such record, or the notebook did not run to its end.
    """
    bot, folder = find(home, session_key)
    day, number = records.day_and_number(folder)
    registry = Registry(bot.home, bot.identity, day=day, number=number)
    output = registry.claim("review.ipynb", writer=WRITER)
    make_folder(output.parent)
    job = Job(
        notebook=str(checkout() / "notebooks" / NOTEBOOK),
        output=str(output),
        folder=str(output.parent),
        parameters={"home": str(home.root), "session_key": str(folder), "symbol": symbol},
    )
    with TemporaryDirectory(prefix="rigd-") as runtime:
        variables = supervisor.run_environment(
            environment(),
            home=home.root,
            kernels=checkout() / "env" / "jupyter",
            runtime=Path(runtime),
        )
        code, text = supervisor.run_notebook(
            job, variables, tick_s=TICK_S, on_tick=lambda: None, on_interrupt=lambda: None
        )
    if code != ExitCode.OK:
        last = (text.strip().splitlines() or ["no output"])[-1]
        msg = f"the review notebook must run to its end, papermill ended with {code}: {last}"
        raise ConfigError(msg, fix="rigd verify; the executed part lies in runs/…/reviews")
    return output
