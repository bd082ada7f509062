"""A kernel driven by hand: cells run while the engine trades in its own thread."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.hosts.request import SessionRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_client.blocking.client import BlockingKernelClient

pytestmark = pytest.mark.system


@contextmanager
def kernel(home: Path) -> Iterator[BlockingKernelClient]:
    """A kernel `rigd-bot` with a client."""
    specs = KernelSpecManager(kernel_dirs=[str(checkout() / "env" / "jupyter" / "kernels")])
    manager = KernelManager(kernel_name="rigd-bot", kernel_spec_manager=specs)
    manager.start_kernel(
        env=dict(os.environ) | {HOME_VARIABLE: str(home)}, cwd=str(home), extra_arguments=[]
    )
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def printed(client: BlockingKernelClient, cell: str) -> str:
    """Run one cell; return what it printed, fail on an error."""
    texts: list[str] = []

    def take(message: dict[str, object]) -> None:
        content = message["content"]
        assert isinstance(content, dict)
        if "traceback" in content:
            texts.append("\n".join(content["traceback"]))
        texts.append(str(content.get("text", "")))

    reply = client.execute_interactive(cell, timeout=60, output_hook=take)
    assert reply["content"]["status"] == "ok", "".join(texts)
    return "".join(texts)


def test_another_cell_answers_while_the_session_runs(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """`bot.status()` answers within a second while the engine trades, from the same process."""
    request = SessionRequest(speed=2400.0).to_json()
    with kernel(tmp_path) as client:
        printed(client, "import json, os\nfrom rigd.hosts import session")
        printed(client, f"bot = session.start({str(tmp_path)!r}, {request!r})")
        answers, waits = [], []
        while not answers or (answers[-1]["state"] == "initialize" and len(answers) < 100):
            began = time.monotonic()
            answers.append(json.loads(printed(client, "print(json.dumps(bot.status()))")))
            waits.append(time.monotonic() - began)
        for _ in range(20):
            began = time.monotonic()
            answers.append(json.loads(printed(client, "print(json.dumps(bot.status()))")))
            waits.append(time.monotonic() - began)
        assert answers[-1]["pid"] == int(printed(client, "print(os.getpid())")) != os.getpid()
        assert printed(client, f"print(session.start({str(tmp_path)!r}) is bot)").strip() == "True"
        minutes = [answer.get("minute", -1) for answer in answers]
        assert minutes == sorted(minutes)
        assert minutes[-1] < 389, "the session was over before the cells were"
        printed(client, "bot.stop(); bot.wait()")
        closed = printed(client, "print(bot.entries[-1].record.exit_reason)").strip()
    assert closed == "stop"
    figure("bot.status() in another cell", f"at most {max(waits) * 1000:.0f} ms of {len(waits)}")
    assert max(waits) < 1.0


def test_the_engine_ticks_while_a_cell_computes(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """R13: a cell that keeps the main thread busy for 3 s stops neither minutes nor heartbeats."""
    request = SessionRequest(speed=2400.0).to_json()
    busy = (
        "before = bot.status()['minute']\n"
        "until = time.monotonic() + 3.0\n"
        "while time.monotonic() < until: pass\n"
        "print(json.dumps([before, bot.status()['minute']]))"
    )
    with kernel(tmp_path) as client:
        printed(client, "import json, time\nfrom rigd.hosts import session")
        printed(client, f"bot = session.start({str(tmp_path)!r}, {request!r})")
        while json.loads(printed(client, "print(json.dumps(bot.status()))")).get("minute", 0) < 5:
            pass
        first, last = json.loads(printed(client, busy))
        beats = printed(
            client,
            "path = bot.bot.home.logs / 'heartbeat.log'\nprint(len(path.read_text().splitlines()))",
        )
        printed(client, "bot.kill(); bot.wait()")
    figure("minutes of 25 ms passed in a busy cell of 3 s", f"{last - first} of 120")
    assert last - first >= 12
    assert int(beats) >= 3


def test_an_error_of_another_cell_is_on_record_and_the_engine_goes_on(tmp_path: Path) -> None:
    """X22: a row of error_tracebacks.log with its seven fields; the session ends CLOSED."""
    request = SessionRequest(speed=12_000.0).to_json()
    with kernel(tmp_path) as client:
        printed(client, "from rigd.hosts import session")
        printed(client, f"bot = session.start({str(tmp_path)!r}, {request!r})")
        reply = client.execute_interactive("1 / 0", timeout=60, output_hook=lambda _: None)
        assert reply["content"]["status"] == "error"
        printed(client, "bot.wait()")
        closed = printed(client, "print(bot.entries[-1].record.status)").strip()
        late = client.execute_interactive("2 / 0", timeout=60, output_hook=lambda _: None)
        assert late["content"]["status"] == "error"
    assert closed == "CLOSED"
    (log,) = (tmp_path / "runs").glob("RIGD_*/logs/error_tracebacks.log")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    (row,) = [row for row in rows if "notebook" in row["context"]]
    number = reply["content"]["execution_count"]
    assert row["context"] == f"cell {number} of the bot's notebook"
    assert row["error_code"] == "ZeroDivisionError"
    assert "division by zero" in row["raw_exception"]
