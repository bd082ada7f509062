"""`rigd kill` in the twelve broken states of FAULTS X06, and with a broker out of reach (X07).

Each test takes a copy of one home whose engine died (or hangs) with a position and resting orders,
breaks what the state says, and runs the command as a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.store.lease import read_lease
from tests.system.accounts import PACED, broker_server, engine, standing
from tests.system.evidence import bot_tree, read_left, session_folders
from tests.system.processes import (
    is_running,
    processes_of,
    read_json,
    run_rigd,
    session_of,
    wait_until,
)
from tests.system.timing import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.processes import Ran

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose engine died by SIGKILL with a position and a resting stop; left as it is."""
    home = tmp_path_factory.mktemp("held") / "home"
    home.mkdir()
    with engine(home) as running:
        running.wait_for_positions()
    assert standing(home)
    return home


@pytest.fixture
def home(held: Path, tmp_path: Path) -> Path:
    """A copy of that home, to be broken."""
    return shutil.copytree(held, tmp_path / "home", symlinks=True)


def kill(home: Path, *more: str) -> Ran:
    return run_rigd(home, "kill", "--reason", "a test", "--patience", "120", *more)


def is_killed(ran: Ran, home: Path, figure: Callable[[str, str], None], state: str) -> dict:
    """Assert what X06 asks: first cancel within 5 s, flat within 60 s, and 0 because it is true."""
    assert ran.code == 0, ran.out + ran.err
    assert "flat, verified" in ran.out
    assert standing(home) == {}
    told = read_json(bot_tree(home) / "kill.json")
    assert told["verdict"] == "FLAT_VERIFIED"
    first = told["first_cancel_s"]
    figure(
        f"kill, {state}",
        f"first cancel {'none needed' if first is None else f'{first:.2f} s'}, "
        f"flat {told['took_s']:.2f} s, process {ran.seconds:.2f} s",
    )
    assert first is None or within(first, 5.0)
    assert within(ran.seconds, 60.0)
    return told


def halts(home: Path) -> None:
    """Assert that flag and latch keep the next session from trading, and that books close."""
    refused = run_rigd(home, "session", *PACED)
    assert refused.code == 2
    assert "control_kill.flag" in refused.err
    assert read_json(bot_tree(home) / "risk_state.json")["tripped"] is True
    assert (home / "runs/control/bot_state.txt").read_text() == "stopped\n"


# Nothing else is broken but the engine's death.


def test_after_an_engines_death_the_account_is_closed_and_its_record_can_be(
    home: Path, figure: Callable[[str, str], None]
) -> None:
    """Flat, latched; the next run books the kill's closes and ends killed, its books balanced."""
    told = is_killed(kill(home), home, figure, "engine dead")
    assert told["cancels"] >= 1
    assert len(told["closes"]) == 1
    halts(home)
    assert run_rigd(home, "flags", "clear").code == 0
    with engine(home) as running:
        running.process.communicate(timeout=120)
    left = read_left(home)
    assert left.closed is not None
    assert (left.closed.flat, left.closed.exit_reason) == (True, "kill")
    assert [e["exec_key"] for e in left.executed] == [f.exec_key for f in left.fills]
    assert left.trades[-1].error_code == "rigd_kill"
    assert left.problems == ()


def test_a_second_kill_finds_it_flat(home: Path, figure: Callable[[str, str], None]) -> None:
    """It verifies again and sends nothing."""
    assert kill(home).code == 0
    told = is_killed(kill(home), home, figure, "already flat")
    assert (told["cancels"], told["closes"]) == (0, [])


# X06: the twelve states.


def test_with_the_books_locked(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 database locked: another process holds an exclusive lock on the ledger."""
    (books,) = (bot_tree(home) / "ledgers").glob("*.db")
    with sqlite3.connect(books, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        is_killed(kill(home), home, figure, "ledger locked")
        other.execute("ROLLBACK")
    other.close()
    halts(home)


def test_with_the_books_corrupt(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 ledger corrupt: the database is noise."""
    (books,) = (bot_tree(home) / "ledgers").glob("*.db")
    books.write_bytes(b"\xff" * 65_536)
    is_killed(kill(home), home, figure, "ledger corrupt")
    halts(home)


def test_with_a_full_disk(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 disk full: not one byte is free; the broker's reserve takes the orders all the same."""
    found = on_a_full_disk(home)
    if found is None:
        pytest.skip("not run: this user may not mount a small file system")
    code, out, err, left = found
    assert code == 0, out + err
    assert "flat, verified" in out
    assert "No space left" in err
    assert left == {}
    figure("kill, disk full", out.split(", ")[-1].splitlines()[0])


SCRIPT = """
set -e
mount -t tmpfs -o size=40m tmpfs "$1/mnt"
cp -a "$1/home" "$1/mnt/home"
dd if=/dev/zero of="$1/mnt/ballast" bs=4k 2>/dev/null || true
export RIGD_HOME="$1/mnt/home"
set +e
"$2" -m rigd kill --reason full --patience 60
code=$?
rm "$1/mnt/ballast"
cp -a "$1/mnt/home/runs/simulated_broker" "$1/after"
umount "$1/mnt"
exit $code
"""


def on_a_full_disk(home: Path) -> tuple[int, str, str, dict[str, object]] | None:
    """Run the kill on a copy of the home in a file system that is full to the last byte."""
    folder = home.parent
    (folder / "mnt").mkdir()
    done = subprocess.run(  # noqa: S603 - a fixed script and our own interpreter
        ["unshare", "-rm", "bash", "-c", SCRIPT, "-", str(folder), sys.executable],  # noqa: S607 - the system's
        cwd=checkout(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if not (folder / "after").exists():
        return None
    shutil.rmtree(home / "runs" / "simulated_broker")
    shutil.move(folder / "after", home / "runs" / "simulated_broker")
    return done.returncode, done.stdout, done.stderr, standing(home)


@pytest.mark.parametrize("how", ["malformed settings", "key gone", "access file broken"])
def test_with_broken_settings(home: Path, figure: Callable[[str, str], None], how: str) -> None:
    """X06 config broken: nothing of the settings can be read, nothing decrypts, or worse."""
    if how == "malformed settings":
        (home / "env" / ".env_bot").write_text("MAX_TRADES=many\n=\n")
        (home / "env" / ".env_bot.enc").write_bytes(b"noise")
    elif how == "key gone":
        shutil.rmtree(home / "env" / "keys")
    else:
        (home / "env" / "kill_access.json").unlink()
        (home / "env" / "kill_access.json").write_bytes(b"{")
    is_killed(kill(home), home, figure, how)


def test_with_a_hung_kernel(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """X06 kernel hung: stopped in mid-session by SIGSTOP, it is ended first and proven dead."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        kernel = running.kernel
        kernel.send_signal(signal.SIGSTOP)
        told = is_killed(kill(tmp_path), tmp_path, figure, "kernel hung (SIGSTOP)")
        assert not is_running(kernel)
        assert told["closes"]
        running.ended()
    wait_until("the end of every process", lambda: not processes_of(tmp_path))


def test_with_a_hung_kernel_whose_broker_is_another_process(
    home: Path, figure: Callable[[str, str], None]
) -> None:
    """X06 kernel hung: orders at a broker that lives on are cancelled before the owner is ended."""
    with broker_server(home), engine(home) as running:
        wait_until("the engine to go on", lambda: living(home) == running.process.pid)
        running.wait_for_positions()
        hung = psutil.Process(running.process.pid)
        hung.send_signal(signal.SIGSTOP)
        is_killed(kill(home), home, figure, "kernel hung, broker apart")
        running.process.wait(timeout=30)


def living(home: Path) -> int:
    """The process that beats."""
    lease = read_lease(bot_tree(home) / "lease.json")
    return lease.owner.pid if lease is not None and lease.owner.lives else 0


def test_with_the_supervisor_dead(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """X06 supervisor dead: the engine itself takes the flag and closes; the kill verifies it."""
    with session_of(tmp_path, "--supervised", *PACED) as running:
        running.wait_for_positions()
        running.process.kill()
        is_killed(kill(tmp_path), tmp_path, figure, "supervisor dead")
        wait_until("the end of every process", lambda: not processes_of(tmp_path))


def test_with_supervisor_and_kernel_hung(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """X06 supervisor dead: hung as well, it neither hinders the kill nor starts anything after."""
    with session_of(tmp_path, "--supervised", *PACED) as running:
        running.wait_for_positions()
        running.process.send_signal(signal.SIGSTOP)
        running.kernel.send_signal(signal.SIGSTOP)
        is_killed(kill(tmp_path), tmp_path, figure, "supervisor and kernel hung")
        running.process.send_signal(signal.SIGCONT)
        ended = running.ended()
        assert ended.code == 5, ended.out + ended.err
        assert standing(tmp_path) == {}
        assert len(session_folders(tmp_path)) == 1
    wait_until("the end of every process", lambda: not processes_of(tmp_path))


def test_a_running_session_closes_by_itself_when_it_is_asked(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """A healthy engine takes the flag, closes and ends killed; the kill verifies it alone."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        told = is_killed(kill(tmp_path), tmp_path, figure, "engine healthy")
        assert told["closes"] == []
        assert running.ended().code == 5
    left = read_left(tmp_path)
    assert left.closed is not None
    assert left.closed.exit_reason == "kill"
    assert left.problems == ()


def test_without_panel_and_market_data(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 panel down, user locked out, data feed down: none of them runs, is imported or asked."""
    probe = (
        "import sys; sys.argv = ['rigd', 'kill', '--reason', 'x']\n"
        "from rigd.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", probe],
        env=dict(os.environ) | {HOME_VARIABLE: str(home)},
        cwd=checkout(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert standing(home) == {}
    tops = {name.split(".")[0] for name in loaded}
    heavy = {"widgets", "voila", "ipywidgets", "tornado", "numba", "pandas", "pydantic", "scipy"}
    assert tops & (heavy | {"numpy", "pyarrow", "exchange_calendars", "papermill"}) == set()
    inside = {name for name in loaded if name.startswith("rigd.")}
    foreign = (
        "rigd.access",
        "rigd.config.schema",
        "rigd.engine",
        "rigd.ledger",
        "rigd.market.feed",
    )
    assert [name for name in inside if name.startswith(foreign)] == []
    figure("kill, panel and feed down", f"{len(inside)} modules of rigd loaded")


def test_with_a_wrong_clock(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 clock wrong: the home's stamps lie ten years ahead of the machine's clock, or behind."""
    (folder,) = session_folders(home)
    for path in (folder / "kernel.json", bot_tree(home) / "lease.json"):
        path.write_text(path.read_text().replace('"20', '"30'))
    ahead = time.time() + 10 * 365 * 86_400
    for path in home.rglob("*"):
        os.utime(path, (ahead, ahead), follow_symlinks=False)
    is_killed(kill(home), home, figure, "clock wrong")
    halts(home)


def test_with_a_broken_journal(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 journal chain broken: a byte in the middle was changed."""
    (folder,) = session_folders(home)
    journal = folder / "journal.log"
    content = bytearray(journal.read_bytes())
    middle = len(content.rstrip(b"\0")) // 2
    content[middle] ^= 1
    journal.write_bytes(bytes(content))
    is_killed(kill(home), home, figure, "journal broken")
    halts(home)


def test_with_a_slow_and_strict_broker(home: Path, figure: Callable[[str, str], None]) -> None:
    """X06 broker slow, 429: each answer takes 0.3 s, and two requests a second are all it takes."""
    with broker_server(home, "--delay-ms", "300", "--requests-per-s", "2"):
        is_killed(kill(home), home, figure, "broker slow and 429")


def test_with_a_broker_out_of_reach(home: Path, figure: Callable[[str, str], None]) -> None:
    """X07: pending, with the contact shown and nothing called stopped; flat once it is back."""
    with broker_server(home) as server:
        server.send_signal(signal.SIGSTOP)
        process = subprocess.Popen(
            [sys.executable, "-m", "rigd", "kill", "--reason", "out of reach"],
            env=dict(os.environ) | {HOME_VARIABLE: str(home)},
            cwd=checkout(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("KILL_PENDING: not verified flat")
        assert "by hand: " in first
        assert process.poll() is None
        assert (home / "runs/control/bot_state.txt").read_text() == "emergency_closing_positions\n"
        back = time.monotonic()
        server.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=120)
        took = time.monotonic() - back
    assert process.returncode == 0, out + err
    assert standing(home) == {}
    assert (home / "runs/control/bot_state.txt").read_text() == "stopped\n"
    figure("kill, broker back", f"flat {took:.1f} s after it")


def test_without_a_broker_it_gives_up_honestly(home: Path) -> None:
    """X07: when its patience is over it exits 1, says pending and never stopped."""
    with broker_server(home) as server:
        server.send_signal(signal.SIGSTOP)
        ran = run_rigd(home, "kill", "--reason", "gone", "--patience", "1")
    assert ran.code == 1
    assert "KILL_PENDING: NOT verified flat" in ran.err
    assert read_json(bot_tree(home) / "kill.json")["verdict"] == "KILL_PENDING"
    assert (home / "runs/control/bot_state.txt").read_text() == "emergency_closing_positions\n"
    assert standing(home) != {}


def test_it_starts_within_half_a_second(home: Path, figure: Callable[[str, str], None]) -> None:
    """From the command to the first word with the broker, a free machine assumed."""
    ran = kill(home)
    told = read_json(bot_tree(home) / "kill.json")
    start = ran.seconds - told["took_s"]
    figure("kill, start of the process", f"{start:.2f} s")
    assert within(start, 0.5)
