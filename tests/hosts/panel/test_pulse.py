"""The panel says that its loop runs: to its supervisor alone, and whether that listens or not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.panel.pulse import BEAT_S, Pulse
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends, the supervisor's and the panel's."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):
            os.close(end)


def heard(reading: int) -> int:
    """How many signs are in the pipe."""
    try:
        return len(os.read(reading, 1 << 16))
    except BlockingIOError:
        return 0


def test_it_beats_as_long_as_its_loop_runs(pipe: tuple[int, int]) -> None:
    """One sign at once and one each second; none while something blocks the loop."""

    async def play() -> list[int]:
        clock = FakeClock(auto=False)
        beating = asyncio.create_task(Pulse(pipe[1], clock).run())
        await asyncio.sleep(0)
        counts = [heard(pipe[0])]
        for _ in range(3):
            clock.advance(BEAT_S)
            counts.append(heard(pipe[0]))
            await asyncio.sleep(0)
            counts.append(heard(pipe[0]))
        beating.cancel()
        return counts

    assert asyncio.run(play()) == [1, 0, 1, 0, 1, 0, 1]


def test_a_supervisor_that_reads_no_more_stops_no_panel(pipe: tuple[int, int]) -> None:
    """A full pipe blocks nothing, and one that nobody has open any more raises nothing."""
    pulse = Pulse(pipe[1], FakeClock())
    for _ in range((1 << 16) + 10):
        pulse.beat()
    assert heard(pipe[0]) == 1 << 16
    os.close(pipe[0])
    pulse.beat()


def test_what_the_panel_starts_does_not_have_it(pipe: tuple[int, int]) -> None:
    """A page's kernel can say nothing in the panel's name, even one that closes no descriptor."""
    os.set_inheritable(pipe[1], True)
    Pulse(pipe[1], FakeClock())
    code = f"import os\ntry: os.write({pipe[1]}, b'x')\nexcept OSError: print('none')"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], close_fds=False, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), heard(pipe[0])) == ("none", 0)


@pytest.mark.parametrize("descriptor", [-1, 1 << 40, 987_654])
def test_what_is_no_pipe_is_refused(descriptor: int) -> None:
    """A number that was typed by hand."""
    with pytest.raises(ConfigError, match=f"descriptor {descriptor} is none"):
        Pulse(descriptor, FakeClock())


def test_a_file_is_no_pipe(tmp_path) -> None:
    """Nothing is written into it."""
    with (tmp_path / "file").open("wb") as file, pytest.raises(ConfigError, match="is none"):
        Pulse(file.fileno(), FakeClock())
