from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from rigd.hosts import supervisor
from rigd.hosts.runner import Job
from rigd.hosts.supervisor import (
    Child,
    ask_kernel,
    end_process,
    is_alive,
    run_environment,
    run_notebook,
    serve,
    warm_parent,
)
from rigd.store.lease import Process, boot, born

PLACES = {"home": Path("/h"), "kernels": Path("/k"), "runtime": Path("/r")}

SECRET_LIKE = (
    "ALPACA_API_KEY",
    "APCA_API_SECRET_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "BROKER_PASSWORD",
    "DATABASE_URL",
    "ENCRYPTION_KEY",
    "ENV_BOT_KEY",
    "FINNHUB_TOKEN",
    "GITHUB_TOKEN",
    "JUPYTER_TOKEN",
    "PGPASSFILE",
    "SMTP_PASS",
    "SSH_AUTH_SOCK",
    "http_proxy",
)


@pytest.mark.parametrize("name", SECRET_LIKE)
def test_no_secret_reaches_a_notebook(name) -> None:
    """A run inherits a short list of harmless variables; nothing else, whatever its name."""
    variables = run_environment({name: "hunter2", "PATH": "/bin"}, **PLACES)
    assert "hunter2" not in variables.values()
    assert name not in variables
    assert variables["PATH"] == "/bin"


def test_what_is_kept_is_harmless() -> None:
    """No name on the list looks like a secret's."""
    words = ("KEY", "SECRET", "TOKEN", "PASS", "AUTH", "CRED", "URL")
    assert not [name for name in supervisor.KEPT if any(word in name for word in words)]


def test_a_run_has_its_own_places() -> None:
    """Home, kernelspecs and everything of Jupyter lie where the launcher says."""
    variables = run_environment({"RIGD_HOME": "/other", "JUPYTER_PATH": "/other"}, **PLACES)
    assert variables["RIGD_HOME"] == "/h"
    assert variables["JUPYTER_PATH"] == "/k"
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        assert variables[name] == "/r"


@pytest.fixture
def job(tmp_path) -> Job:
    """A job whose notebook does not exist: its child ends with an error of its own."""
    return Job(
        notebook=str(tmp_path / "none.ipynb"),
        output=str(tmp_path / "out.ipynb"),
        folder=str(tmp_path),
        parameters={},
    )


def child_that(monkeypatch, tmp_path, code: str) -> None:
    """Let the supervisor start a small Python program in place of papermill."""
    script = tmp_path / "child"
    script.write_text(f"#!/bin/sh\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(supervisor.sys, "executable", str(script))


def run_it(job: Job, on_interrupt=lambda: None, on_tick=lambda: None) -> tuple[int, str]:
    return run_notebook(
        job, {"PATH": "/usr/bin:/bin"}, tick_s=0.02, on_tick=on_tick, on_interrupt=on_interrupt
    )


def test_exit_code_and_output_come_back(job, monkeypatch, tmp_path) -> None:
    """Both streams together, and the child's own exit code."""
    child_that(monkeypatch, tmp_path, 'echo out; echo "$1 $2" >&2; exit 7')
    code, output = run_it(job)
    assert code == 7
    assert output == "out\n-m rigd.hosts.runner\n"


def test_the_child_has_its_own_session_and_environment(job, monkeypatch, tmp_path) -> None:
    """A Ctrl-C of the terminal does not reach it; nothing of ours is in its environment."""
    monkeypatch.setenv("BROKER_PASSWORD", "hunter2")
    child_that(
        monkeypatch, tmp_path, "env; ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat"
    )
    _, output = run_it(job)
    assert "hunter2" not in output
    assert int(output.split()[-1]) != os.getsid(0)


def test_progress_is_shown_and_interrupts_do_not_end_the_wait(job, monkeypatch, tmp_path) -> None:
    """SIGINT is handed over and the child runs to its end; the handlers are given back."""
    go = tmp_path / "go"
    child_that(monkeypatch, tmp_path, f"while [ ! -e {go} ]; do sleep 0.02; done; echo done")
    before = signal.getsignal(signal.SIGINT)
    ticks, asked = [], []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 1:
            signal.raise_signal(signal.SIGINT)

    def interrupt() -> None:
        asked.append(1)
        go.touch()

    assert run_it(job, interrupt, tick) == (0, "done\n")
    assert asked == [1]
    assert ticks
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_no_signal_is_taken(job, monkeypatch, tmp_path) -> None:
    """Python allows handlers in the main thread alone; a run elsewhere works without."""
    child_that(monkeypatch, tmp_path, "exit 0")
    before = signal.getsignal(signal.SIGTERM)
    found = []
    thread = threading.Thread(target=lambda: found.append(run_it(job)))
    thread.start()
    thread.join()
    assert found == [(0, "")]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_kernel_is_asked_by_its_id(monkeypatch) -> None:
    """SIGTERM to that process and no other; one that is gone is said to be gone."""
    sent = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    assert ask_kernel(1234)
    assert sent == [(1234, signal.SIGTERM)]

    def gone(*_: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    assert not ask_kernel(1234)
    assert not is_alive(1234)


def test_a_process_is_alive_also_when_it_is_someone_elses(monkeypatch) -> None:
    """No permission to signal means that it exists."""
    assert is_alive(os.getpid())

    def denied(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", denied)
    assert is_alive(1)


def test_the_tests_runner_is_a_child_in_the_checkout(monkeypatch, tmp_path) -> None:
    """One module of our own, with the given environment; its exit code comes back."""
    seen = {}

    def run(command, **options):
        seen.update(options, command=command)
        return supervisor.subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(supervisor.subprocess, "run", run)
    assert supervisor.run_tests({"RIGD_HOME": "/h"}, tmp_path) == 3
    assert seen["command"][1:] == ["-m", "tests.integration_test_runner"]
    assert (seen["env"], seen["cwd"]) == ({"RIGD_HOME": "/h"}, tmp_path)
    assert supervisor.kept_of({"PATH": "/bin", "SMTP_PASS": "hunter2"}) == {"PATH": "/bin"}


def sleeper() -> subprocess.Popen[bytes]:
    """A child that sleeps and ignores every request to end."""
    code = "import signal, sys, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\n"
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", code + "print(flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child


@pytest.mark.parametrize("stopped", [False, True])
def test_a_process_is_ended_and_proven_dead(stopped) -> None:
    """Also one that is stopped: on return it is gone."""
    with sleeper() as child:
        which = Process(pid=child.pid, born=born(child.pid), boot=boot())
        if stopped:
            child.send_signal(signal.SIGSTOP)
        assert end_process(which)
        assert not which.lives
        assert child.wait() == -signal.SIGKILL
    assert end_process(which)


@pytest.mark.parametrize("pid", [0, -5])
def test_a_number_that_no_process_has_is_dead(pid) -> None:
    """A broken record must not break the kill that reads it."""
    assert end_process(Process(pid=pid, born=0, boot=boot()))


def test_a_process_does_not_end_itself() -> None:
    """An engine in the same process, as in a notebook run by hand, is nobody to be ended."""
    assert not end_process(Process.this())


def test_nobody_else_is_hit_when_a_number_is_used_again() -> None:
    """The start is compared before the signal is sent: the dead one's namesake lives on."""
    with sleeper() as child:
        namesake = Process(pid=child.pid, born=born(child.pid) - 1, boot=boot())
        assert end_process(namesake)
        assert child.poll() is None
        child.kill()


def test_a_process_of_somebody_else_is_not_said_to_be_dead(monkeypatch) -> None:
    """Without the right to end it there is no proof."""

    def denied(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(signal, "pidfd_send_signal", denied)
    with sleeper() as child:
        assert not end_process(Process(pid=child.pid, born=born(child.pid), boot=boot()))
        child.kill()


def test_a_run_that_must_end_ends_with_all_that_it_started(job, monkeypatch, tmp_path) -> None:
    """When the tick says so, the child and its own children are killed at once."""
    pids = tmp_path / "pids"
    child_that(
        monkeypatch, tmp_path, f"sleep 100 & echo $! > {pids}.new; mv {pids}.new {pids}; wait"
    )
    code, _ = run_it(job, on_tick=pids.exists)
    assert code == -signal.SIGKILL
    assert born(int(pids.read_text())) is None


def test_100_crash_cycles_leave_nothing_behind(job, monkeypatch, tmp_path) -> None:
    """No process, no open file and no memory stays of runs that were ended (K15)."""
    child_that(monkeypatch, tmp_path, "sleep 100 & wait")
    run_it(job, on_tick=lambda: True)
    here = psutil.Process()
    before = here.num_fds(), here.memory_info().rss
    for _ in range(100):
        assert run_it(job, on_tick=lambda: True)[0] == -signal.SIGKILL
    assert here.children(recursive=True) == []
    assert here.num_fds() <= before[0] + 5
    assert here.memory_info().rss <= before[1] + 10 * 2**20


def test_a_warm_parent_that_is_ready_may_be_asked(monkeypatch, tmp_path) -> None:
    """It says so on its first line, and it ends when its stdin closes."""
    child_that(monkeypatch, tmp_path, "echo ready; read x; exit 5")
    with warm_parent(tmp_path, {"PATH": "/usr/bin:/bin"}) as parent:
        assert parent.missing == ""
        assert is_alive(parent.pid)
    assert parent.wait() == 5


def test_a_warm_parent_that_cannot_be_is_told_with_its_reason(monkeypatch, tmp_path) -> None:
    """Runs start cold then; the reason is what it printed, or that it printed nothing."""
    child_that(monkeypatch, tmp_path, 'echo "the address is in use"; exit 1')
    with warm_parent(tmp_path, {}) as parent:
        assert parent.missing == "the address is in use"
    child_that(monkeypatch, tmp_path, "exit 1")
    with warm_parent(tmp_path, {}) as parent:
        assert parent.missing == "the warm parent ended at once"


def test_a_service_ends_with_its_own_code(tmp_path) -> None:
    """It runs where it is told to, with its own environment alone."""
    command = ["/bin/sh", "-c", 'test "$PWD" = "$HERE" && exit 4']
    assert serve(command, {"HERE": str(tmp_path)}, tmp_path) == 4


def test_a_request_to_end_is_handed_to_the_service(tmp_path, monkeypatch) -> None:
    """SIGTERM to this process ends the service; Ctrl-C reaches it by the terminal."""
    monkeypatch.setattr(supervisor, "SERVICE_LOOK_S", 0.02)
    go = tmp_path / "go"
    command = ["/bin/sh", "-c", f"trap 'exit 9' TERM; touch {go}; while :; do read x; done"]
    reading, writing = os.pipe()
    monkeypatch.setattr(supervisor, "interrupts", lambda: interrupts_once(go))
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        assert serve(command, {}, tmp_path) == 9
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reading, writing):
            os.close(descriptor)


@contextmanager
def interrupts_once(go: Path):
    """The signals of a process that is asked to end once its child runs."""

    class Received(list):
        sent = False

        def __bool__(self) -> bool:
            if go.exists() and not self.sent:
                self.sent = True
                self.append(signal.SIGTERM)
            return len(self) > 0

    yield Received()


def test_a_child_is_killed_with_what_it_started_elsewhere_and_waited_for_by_nobody(
    tmp_path,
) -> None:
    """A kernel has a process session of its own, and a parent that is stopped ends nothing."""
    pid = tmp_path / "pid"
    code = (
        "import os, subprocess, sys; from pathlib import Path\n"
        "each = subprocess.Popen(['sleep', '100'], start_new_session=True)\n"
        f"Path({str(pid)!r}).with_suffix('.new').write_text(str(each.pid))\n"
        f"Path({str(pid)!r}).with_suffix('.new').rename({str(pid)!r})\n"
        "os.kill(os.getpid(), 19)"
    )
    child = Child([sys.executable, "-c", code], {"PATH": os.environ["PATH"]}, tmp_path)
    try:
        os.waitid(os.P_PID, child.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        started = psutil.Process(int(pid.read_text()))
        child.kill()
        started.wait(10)
        os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
        assert child.code == -signal.SIGKILL
    finally:
        child.end()
