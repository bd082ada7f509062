"""Cut one small piece of work at every boundary, and print what was wrong as JSON: ``NAME FOLDER``.

Started as a process of its own, because it forks.
"""

from __future__ import annotations

import json
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.clock import SystemClock
from rigd.core.errors import RigdError
from rigd.core.values import BotIdentity
from rigd.hosts.crashes.boundaries import Fault
from rigd.hosts.crashes.processes import run_watched
from rigd.hosts.crashes.watch import Moment
from rigd.ledger.book import Ledger
from rigd.store.backup import back_up, check_backup
from rigd.store.database import open_database
from rigd.store.files import replace
from rigd.store.images import copy_home, drop_home
from rigd.store.locks import next_epoch
from rigd.store.paths import Home
from tests.ledger.books import ACCOUNT, BOT, KEY, entry, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.hosts.crashes.boundaries import Boundary

IDENTITY = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
OLD, NEW = b'{"state": "idle"}\n', b'{"state": "error", "pid": 12345}\n'
AT = datetime(2013, 10, 7, 21, tzinfo=UTC)


class BackUp:
    """The newest backup is taken beside a good one."""

    @staticmethod
    def prepare(home: Path) -> None:
        """Books, a session and a good backup of both."""
        place = Home(home)
        tree = place.bot(IDENTITY)
        folder = tree.sessions / "2013-10-07_1"
        folder.mkdir(parents=True)
        (folder / "session.json").write_bytes(OLD)
        tree.ledgers.mkdir()
        books = Ledger(open_database(tree.ledger_db), identity=BOT, account=ACCOUNT)
        books.post(entry(1, started()), KEY)
        books.close()
        assert back_up(place, IDENTITY, folder, AT).ok

    @staticmethod
    def work(home: Path) -> None:
        """Back up once more, an hour later."""
        place = Home(home)
        folder = place.bot(IDENTITY).sessions / "2013-10-07_1"
        later = AT.replace(hour=22)
        result = back_up(place, IDENTITY, folder, later)
        sys.stdout.write("ok" if result.ok else f"not ok: {result.reason}")

    @staticmethod
    def wrongs(home: Path, said: str) -> list[str]:
        """Every archive that lies there restores; the good one is among them."""
        archives = sorted(Home(home).backups.glob("*.zip"))
        found = []
        for archive in archives:
            work = home / "work"
            work.mkdir()
            try:
                check_backup(archive, work)
            except (RigdError, zipfile.BadZipFile, OSError) as error:
                found.append(f"{archive.name}: {error}")
            drop_home(work)
        if not any("T210000Z" in archive.name for archive in archives):
            found.append("the good backup is gone")
        if said == "ok" and not any("T220000Z" in archive.name for archive in archives):
            found.append("a backup that was called good is not there")
        return found


class State:
    """A state file is replaced."""

    @staticmethod
    def prepare(home: Path) -> None:
        """The old content."""
        replace(home / "status.json", OLD)

    @staticmethod
    def work(home: Path) -> None:
        """The new one."""
        replace(home / "status.json", NEW)
        sys.stdout.write("ok")

    @staticmethod
    def wrongs(home: Path, said: str) -> list[str]:
        """Old or new; new when it was said to be written."""
        held = (home / "status.json").read_bytes()
        if held not in {OLD, NEW}:
            return [f"neither old nor new: {held!r}"]
        return ["written, and not there"] if said == "ok" and held != NEW else []


class Epoch:
    """A new owner is counted."""

    @staticmethod
    def prepare(home: Path) -> None:
        """One owner before."""
        next_epoch(home / "lease_epoch")

    @staticmethod
    def work(home: Path) -> None:
        """The second one."""
        sys.stdout.write(str(next_epoch(home / "lease_epoch")))

    @staticmethod
    def wrongs(home: Path, said: str) -> list[str]:
        """The next owner is a new one."""
        following = next_epoch(home / "lease_epoch")
        return [] if following > int(said if said.isdigit() else 1) else ["an epoch was used twice"]


WORKS = {"backup": BackUp, "state": State, "epoch": Epoch}


def cut(name: str, folder: Path) -> tuple[int, list[str]]:
    """Cut a work at every boundary with every fault; return how many cuts, and what was wrong."""
    work, clock = WORKS[name], SystemClock()
    template = folder / "template"
    template.mkdir()
    work.prepare(template)
    calls: list[Boundary] = []
    home = folder / "home"
    copy_home(template, home)
    body: Callable[[], None] = lambda: work.work(home)  # noqa: E731 - handed on as it is
    undisturbed = run_watched(body, home, clock, on_call=calls.append)
    wrongs = work.wrongs(home, undisturbed.output)
    drop_home(home)
    cuts = 0
    for nth, call in enumerate(calls, start=1):
        for fault in Fault:
            if call.meets(fault) and fault is not Fault.INT:
                copy_home(template, home)
                ran = run_watched(body, home, clock, Moment(fault, nth))
                found = work.wrongs(home, ran.output)
                wrongs += [f"{fault} at {nth} ({call.name}): {each}" for each in found]
                drop_home(home)
                cuts += 1
    return cuts, wrongs


if __name__ == "__main__":
    done, found = cut(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write(json.dumps({"cuts": done, "wrongs": found}) + "\n")
