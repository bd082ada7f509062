"""The crash matrix and the power losses with real processes; and that they find planted bugs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.core.lifecycle import BotState
from tests.system.disks import small_disk
from tests.system.evidence import read_left
from tests.system.planted_bugs import BUGS
from tests.system.processes import run_rigd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SAMPLE = 40
"""Crash boundaries of the commit tier (FAULTS §7)."""

IMAGES = 1000
"""Power-loss images of the commit tier (FAULTS §7)."""


def test_a_sample_of_the_crash_matrix(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """Killed, interrupted, refused by a full or failing disk: nothing lost, nothing twice."""
    out = tmp_path / "out.json"
    ran = run_rigd(tmp_path, "crashmatrix", "--sample", str(SAMPLE), "--json", str(out))
    found = json.loads(out.read_bytes())
    assert (ran.code, found["violations"]) == (0, []), ran.out + ran.err
    assert found["moments"] == SAMPLE
    assert found["boundary_count"] >= 400
    figure(
        "crash matrix, sampled",
        f"{found['moments']} moments at {found['boundary_count']} boundaries, 0 violations; "
        f"recovery p50 {found['recovery_p50_s']:.2f} s, max {found['recovery_max_s']:.2f} s; "
        f"{ran.seconds:.0f} s",
    )


def test_a_sample_of_the_crash_matrix_of_a_whole_day(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """At least 12 orders, fills in parts, refusals, lost replies (FAULTS R01)."""
    out = tmp_path / "out.json"
    options = ("--session", "full", "--sample", "24", "--json", str(out))
    ran = run_rigd(tmp_path, "crashmatrix", *options)
    found = json.loads(out.read_bytes())
    assert (ran.code, found["violations"]) == (0, []), ran.out + ran.err
    assert found["at_stake"]["orders"] >= 12
    assert found["at_stake"]["fills"] > 2 * found["at_stake"]["trades"]
    figure(
        "crash matrix of a whole day, sampled",
        f"{found['moments']} moments at {found['boundary_count']} boundaries, "
        f"{found['at_stake']['orders']} orders, 0 violations; {ran.seconds:.0f} s",
    )


def test_power_losses(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """Nothing that was acknowledged is lost, nothing is corrupt, the books balance (FAULTS R03)."""
    out = tmp_path / "out.json"
    ran = run_rigd(tmp_path, "powerloss", "--images", str(IMAGES), "--json", str(out))
    found = json.loads(out.read_bytes())
    assert (ran.code, found["violations"]) == (0, []), ran.out + ran.err
    assert found["images"] == IMAGES
    assert found["torn"]
    figure(
        "power losses",
        f"{IMAGES} images over {found['calls']} calls, {found['torn']} torn journals, "
        f"0 violations; {ran.seconds:.0f} s",
    )


CAUGHT_BY = {
    "synchronous_normal": ("powerloss", "--images", "300"),
    "folders_not_synced": ("powerloss", "--images", "300"),
    "journal_not_synced": ("powerloss", "--images", "300"),
    "sync_believed": ("crashmatrix", "--inject", "eio", "--sample", "40"),
    "state_in_place": ("crashmatrix", "--inject", "kill", "--sample", "60"),
    "journal_after_send": ("crashmatrix", "--inject", "kill", "--sample", "1"),
    "posting_in_halves": ("powerloss", "--images", "300"),
}
"""Each planted bug of FAULTS §5.5 that these commands can show, and the command that finds it."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(tmp_path: Path, bug: str) -> None:
    """The command that is clean on the product fails on the bug."""
    ran = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "tests.system.planted_bugs", bug, *CAUGHT_BY[bug]],
        cwd=checkout(),
        env={**os.environ, "RIGD_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr


HARMLESS = frozenset({
    "access", "chdir", "close", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_wait",
    "execve", "faccessat", "faccessat2", "fchmod", "fchown", "fcntl", "fgetxattr", "flock", "fstat",
    "fstatfs", "getcwd", "getdents64", "getxattr", "ioctl", "lgetxattr", "lseek", "lstat", "mmap",
    "munmap", "newfstatat", "pipe2", "poll", "ppoll", "pread64", "pselect6", "read", "readlink",
    "readlinkat", "recvfrom", "recvmsg", "select", "stat", "statfs", "statx",
})  # fmt: skip
"""Calls that change no file's content, name or size, and send nothing."""

_LINE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")
_OPERATION = re.compile(r'\\"op\\": \\"(?:submit|replace|cancel)\\"')


def test_the_list_of_boundaries_is_complete(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """strace sees the same process make exactly the calls that the door lists, and no other."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace, which tests/system/packages.sh installs where it may")
    out = tmp_path / "strace.txt"
    options = ["-f", "-y", "-s", "200", "-o", str(out), "-e", "trace=%file,%desc,%network"]
    command = [strace, *options, sys.executable, "-m", "tests.system.watched_session"]
    done = subprocess.run(  # noqa: S603 - strace and our own interpreter
        [*command, str(tmp_path)], cwd=checkout(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = Counter(
        _plain(name.partition(" ")[0], name.partition(" ")[2]) for name in json.loads(done.stdout)
    )
    seen = _changes_in(out.read_text(encoding="utf-8", errors="replace"), f"{tmp_path}/home")
    assert seen == listed
    figure("boundaries that strace sees as well", f"{listed.total()} of {seen.total()}")


def _plain(kind: str, file: str) -> str:
    return "send" if kind == "sendto" else f"{kind} {file.partition(' -> ')[0]}"


def _changes_in(text: str, home: str) -> Counter[str]:
    """The calls below the home that change something, of the process that has the journal."""
    calls = [match.groupdict() for line in text.splitlines() if (match := _LINE.match(line))]
    threads = {call["pid"] for call in calls if "journal.log" in call["rest"]}
    broker = {call["pid"] for call in calls if f"{home}/runs/simulated_broker" in call["rest"]}
    found: Counter[str] = Counter()
    there: set[str] = set()
    for call in calls:
        name, rest = call["name"], call["rest"]
        if call["pid"] in broker or call["pid"] not in threads:
            continue
        if name in {"sendto", "sendmsg", "sendmmsg"} and _OPERATION.search(rest):
            found["send"] += 1
        elif home in rest and name not in HARMLESS and not _opens(name, rest, there, home):
            file, *others = _paths(rest, home)
            found[f"{name} {file}"] += 1
            there.add(others[0] if name == "rename" else file)
            if name in {"rename", "unlink"}:
                there.discard(file)
    return found


def _opens(name: str, rest: str, there: set[str], home: str) -> bool:
    """Tell whether a call opens a file that is there, and changes nothing."""
    if name != "openat":
        return False
    empties = "O_TRUNC" in rest and _paths(rest, home)[0] in there
    return not empties and ("O_CREAT" not in rest or _paths(rest, home)[0] in there)


def _paths(rest: str, home: str) -> list[str]:
    return [path.lstrip("/") for path in re.findall(re.escape(home) + r'([^">]*)', rest)]


@pytest.mark.parametrize("size_mib", [20, 34, 38])
def test_a_real_disk_that_is_full_under_papermill(
    tmp_path: Path, size_mib: int, figure: Callable[[str, str], None]
) -> None:
    """The session ends in error, says why, and the next one on a larger disk makes it whole."""
    began = time.monotonic()
    with small_disk(tmp_path, size_mib) as resize:
        first = run_rigd(tmp_path, "session")
        resize(200)
        if first.code:
            assert "No space left" in first.err + first.out or "full" in first.err, first.err
            state = tmp_path / "runs" / "control" / "bot_state.txt"
            if state.exists() and state.read_text(encoding="utf-8"):
                assert BotState(state.read_text(encoding="utf-8").strip())
            again = run_rigd(tmp_path, "session")
            assert again.code in {0, 1}, again.err
        left = read_left(tmp_path)
        assert left.problems == ()
        assert left.closed is not None
        assert left.closed.flat
        assert run_rigd(tmp_path, "verify").code == 0
        assert run_rigd(tmp_path, "ledger", "check").code == 0
    figure(
        f"a real disk of {size_mib} MiB under papermill",
        f"first exit code {first.code}, whole after the next; {time.monotonic() - began:.0f} s",
    )
