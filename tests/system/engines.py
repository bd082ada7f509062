"""Servers of `engine_process`, several side by side: run, kill, run again, judge."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from rigd.config.sources import checkout
from rigd.hosts.bot import provision_demo
from rigd.store import manifest
from rigd.store.paths import Home
from tests.system.evidence import Left, differences, read_left, session_folders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rigd.hosts.request import SessionRequest

AT_ONCE = 2
"""How many sessions run side by side."""

KILLED = 9


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a process dies: see `crash_points.CrashPoint`; `again` are deaths of its successors."""

    where: str = ""
    nth: int = 0
    how: str = "before"
    again: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one moment: whether the process died, what differed, how long it all took."""

    moment: Moment
    killed: int
    differs: tuple[str, ...]
    seconds: float


class Engine:
    """One server process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.engine_process"],
            cwd=checkout(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, home: Path, request: str, where: str, nth: int, how: str) -> dict[str, Any]:
        """Run a session in a child; return how the child ended."""
        job = {"home": str(home), "request": request, "where": where, "nth": nth, "how": how}
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, "the server of forked engines ended"
        found: dict[str, Any] = json.loads(answer)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class Engines:
    """A few servers over homes that are copies of one provisioned home."""

    def __init__(self, folder: Path, request: SessionRequest) -> None:
        self.folder = folder
        self.request = request.to_json()
        self._template = folder / "template"
        provision_demo(Home(self._template))
        self._stack = ExitStack()
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for _ in range(AT_ONCE):
            self._free.put(self._stack.enter_context(Engine()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def undisturbed(self) -> tuple[Left, dict[str, int]]:
        """Run the session without a crash; return what it left and how many writes it took."""
        home = self._home("undisturbed")
        answer = self._run(home, ("", 0, "before"))
        assert answer["exit_code"] == 0, (home / "engine_process.log").read_text(encoding="utf-8")
        counts = json.loads((home / "counts.json").read_text(encoding="utf-8"))
        return read_left(home), counts

    def judge_all(self, moments: Iterable[Moment], undisturbed: Left) -> list[Outcome]:
        """Kill and take up a session at each moment; return what came of each."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda moment: self.judge(moment, undisturbed), moments))

    def judge(self, moment: Moment, undisturbed: Left) -> Outcome:
        """Kill a session at one moment, take it up until it ends, and compare."""
        name = f"{moment.where}-{moment.nth}-{moment.how}-{len(moment.again)}"
        home = self._home(name)
        killed, seconds = 0, 0.0
        deaths = [(moment.where, moment.nth, moment.how), *moment.again, ("", 0, "before")]
        for death in deaths:
            if is_sealed(home):
                break
            answer = self._run(home, death)
            seconds += answer["seconds"]
            killed += answer["signal"] == KILLED
            if answer["signal"] != KILLED and answer["exit_code"]:
                return Outcome(moment, killed, (_last_words(home),), seconds)
        if len(session_folders(home)) > 1:
            return Outcome(moment, killed, ("a second session began",), seconds)
        found = differences(read_left(home), undisturbed)
        if not found:
            shutil.rmtree(home)
        return Outcome(moment, killed, tuple(found), seconds)

    def _home(self, name: str) -> Path:
        return shutil.copytree(self._template, self.folder / name)

    def _run(self, home: Path, death: tuple[str, int, str]) -> dict[str, Any]:
        engine = self._free.get()
        try:
            return engine.run(home, self.request, *death)
        finally:
            self._free.put(engine)


def is_sealed(home: Path) -> bool:
    """Tell whether the home's session is over and sealed: nothing is left to take up."""
    if not (home / "runs").is_dir() or not any((home / "runs").glob("RIGD_*/sessions/*")):
        return False
    return any((folder / manifest.NAME).exists() for folder in session_folders(home))


def _last_words(home: Path) -> str:
    lines = (home / "engine_process.log").read_text(encoding="utf-8").strip().splitlines()
    return lines[-1] if lines else "the process ended with an error and said nothing"


def spread(count: int, last: int) -> list[int]:
    """Return `count` record numbers from 1 to `last`, evenly spread."""
    return [round(1 + (last - 1) * place / max(count - 1, 1)) for place in range(count)]
