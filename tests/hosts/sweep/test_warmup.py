"""`rigd warmup` compiles every kernel once, with a line for each."""

from __future__ import annotations

import pytest

from rigd.hosts.sweep import warmup
from rigd.hosts.sweep.host import kernel_folder


def test_each_kernel_has_its_line(home, monkeypatch) -> None:
    """Three strategies, with one entry a day and with re-entry; what runs is a real part."""
    parts = []
    monkeypatch.setattr(warmup, "run_part", parts.append)
    lines = list(warmup.run(home))
    assert [line.split(":")[0] for line in lines][:2] == [
        "[1/6] open, one entry a day",
        "[2/6] open, re-entry",
    ]
    assert [(part.strategy, part.rules is None) for part in parts] == [
        (name, once) for name in ("open", "mid", "close") for once in (True, False)
    ]
    assert {part.cache for part in parts} == {str(kernel_folder(home))}


@pytest.mark.system
def test_the_kernels_lie_in_the_cache_of_the_home(home) -> None:
    """Afterwards the folder holds each of them."""
    list(warmup.run(home))
    names = {path.name.partition(".")[0] for path in kernel_folder(home).iterdir()}
    wanted = {f"{kind}_{name}" for kind in ("share", "hop") for name in ("open", "mid", "close")}
    assert names >= wanted
