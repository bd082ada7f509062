"""Keyed randomness: a draw depends on the seed and its key alone, never on how many came before.

A simulated broker that is killed and started again therefore draws the same numbers.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist

_STANDARD_NORMAL = NormalDist()
_RESOLUTION = 1 << 53
_BELOW_ONE = 1.0 - 1.0 / _RESOLUTION


class Draws:
    """Repeatable random numbers.

    Parameters
    ----------
    seed
        Any integer; the same seed and key give the same number in every process.
    """

    __slots__ = ("_seed",)

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, *key: object) -> float:
        """Return a number in the open interval (0, 1), uniformly distributed."""
        text = "|".join((str(self._seed), *map(str, key)))
        return _fraction(hashlib.sha256(text.encode()).digest())

    def normal(self, *key: object) -> float:
        """Return a number from the standard normal distribution."""
        return _STANDARD_NORMAL.inv_cdf(self.uniform(*key))


def _fraction(digest: bytes) -> float:
    head = int.from_bytes(digest[:8], "big") >> 11
    # The half is lost in a float near 1, where the quotient would round up to 1 itself.
    return min((head + 0.5) / _RESOLUTION, _BELOW_ONE)
