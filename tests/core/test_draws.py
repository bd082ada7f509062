"""Keyed randomness."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.draws import Draws, _fraction

ROOT = Path(__file__).parents[2]
KEYS = st.lists(st.one_of(st.integers(), st.text(max_size=8)), max_size=4)


# printf '%s' "$1" | sha256sum | cut -c1-16, the upper 53 of these 64 bits and a half over 2**53
# (worked with bc to 40 places, cut here)
@pytest.mark.parametrize(
    ("seed", "key", "expected"),
    [
        (7, (), 0.47269306236209923666),
        (7, ("fill", "R1"), 0.03607057157933185598),
        (0, ("a", 1), 0.96952365853167704612),
        (-3, ("x",), 0.36918081011277076308),
    ],
)
def test_uniform_is_the_sum_of_coreutils(
    seed: int, key: tuple[object, ...], expected: float
) -> None:
    """A draw is the head of a SHA-256 over seed and key as a fraction."""
    assert Draws(seed).uniform(*key) == pytest.approx(expected, abs=2.0**-53)


@pytest.mark.parametrize("seed", [0, 1, 2013])
def test_uniform_passes_the_chi_square_test(seed: int) -> None:
    """50 000 draws fall evenly into 100 bins: below the 99.9 % point of 99 degrees, 148.23."""
    draws = Draws(seed)
    counts = [0] * 100
    for number in range(50_000):
        counts[int(100 * draws.uniform("fill", number))] += 1
    assert sum((count - 500) ** 2 / 500 for count in counts) < 148.23


@pytest.mark.parametrize("seed", [0, 1, 2013])
def test_neighbouring_keys_are_independent(seed: int) -> None:
    """Pairs of draws of neighbouring keys fill a 10 × 10 grid evenly (99.9 % point 148.23)."""
    draws = Draws(seed)
    counts = [[0] * 10 for _ in range(10)]
    for number in range(0, 50_000, 2):
        a, b = draws.uniform(number), draws.uniform(number + 1)
        counts[int(10 * a)][int(10 * b)] += 1
    cells = itertools.chain.from_iterable(counts)
    assert sum((count - 250) ** 2 / 250 for count in cells) < 148.23


@pytest.mark.parametrize("seed", [0, 1, 2013])
def test_normal_has_mean_zero_and_deviation_one(seed: int) -> None:
    """20 000 normal draws: mean, deviation and tail lie within four standard errors."""
    draws = Draws(seed)
    found = [draws.normal("latency", number) for number in range(20_000)]
    assert abs(fmean(found)) < 4 / math.sqrt(20_000)
    assert abs(pstdev(found) - 1) < 4 / math.sqrt(40_000)
    # 2.5 % of a normal distribution lies above 1.959964
    assert abs(sum(x > 1.959964 for x in found) / 20_000 - 0.025) < 4 * math.sqrt(0.0244 / 20_000)


def test_normal_is_the_quantile_of_the_uniform() -> None:
    """The error function takes the normal draw of a key back to its uniform one."""
    draws = Draws(5)
    for number in range(200):
        back = 0.5 * math.erfc(-draws.normal(number) / math.sqrt(2.0))
        assert back == pytest.approx(draws.uniform(number), rel=1e-9)


@given(st.permutations(range(6)), st.integers())
def test_draw_does_not_depend_on_those_before(order: list[int], seed: int) -> None:
    """In whatever order keys are drawn, and by a fresh object, each gives the same number."""
    draws = Draws(seed)
    found = {key: draws.uniform("fill", key) for key in order}
    assert found == {key: Draws(seed).uniform("fill", key) for key in range(6)}


@given(st.integers(), KEYS)
def test_draw_lies_inside_the_open_interval(seed: int, key: list[object]) -> None:
    """No draw is 0 or 1, so that the normal one is always finite."""
    assert 0.0 < Draws(seed).uniform(*key) < 1.0
    assert math.isfinite(Draws(seed).normal(*key))


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (b"\x00" * 32, 2.0**-54),
        (b"\x80" + b"\x00" * 31, 0.5),
        (b"\xff" * 32, 1.0 - 2.0**-53),
    ],
)
def test_ends_of_the_interval_are_not_reached(digest: bytes, expected: float) -> None:
    """The smallest hash gives a number above 0, the largest one below 1."""
    assert _fraction(digest) == expected
    assert 0.0 < _fraction(digest) < 1.0


def test_seed_and_every_part_of_the_key_matter() -> None:
    """Another seed, another part or another order of parts gives another number."""
    keys: list[tuple[int, tuple[object, ...]]] = [
        (1, ("a", "b")),
        (2, ("a", "b")),
        (1, ("b", "a")),
        (1, ("a",)),
        (1, ("ab",)),
        (1, ("a", "b", "")),
        (1, ()),
    ]
    found = {Draws(seed).uniform(*key) for seed, key in keys}
    assert len(found) == len(keys)


def test_another_process_draws_the_same_numbers() -> None:
    """A restarted process draws the same, whatever its hash seed."""
    code = (
        "from rigd.core.draws import Draws; "
        "d = Draws(11); print([(d.uniform('fill', k), d.normal(k)) for k in ('R1', 2, 'é')])"
    )
    told = {
        subprocess.run(  # noqa: S603 - this Python with a fixed text
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "4242")
    }
    draws = Draws(11)
    here = [(draws.uniform("fill", key), draws.normal(key)) for key in ("R1", 2, "é")]
    assert told == {f"{here}\n"}
