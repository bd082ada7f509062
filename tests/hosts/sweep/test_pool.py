"""Parts are made one by one, and all of them run."""

from __future__ import annotations

import numpy as np

from rigd.hosts.sweep import pool


def test_a_part_is_made_when_the_one_before_is_done(monkeypatch) -> None:
    """In this process nothing is made ahead, so memory stays bounded."""
    seen = []
    monkeypatch.setattr(pool, "run_part", lambda part: (part, np.zeros(1)))

    def parts():
        for number in range(3):
            seen.append(f"made {number}")
            yield number

    for number, _ in pool.run_here(parts(), 1):
        seen.append(f"done {number}")
    assert seen == ["made 0", "done 0", "made 1", "done 1", "made 2", "done 2"]
