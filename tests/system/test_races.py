"""The whole count of FAULTS X08: 5,000 seeded races between closings and everything else."""

from __future__ import annotations

import pytest

from tests.engine.test_races import assert_no_race_flips


@pytest.mark.system
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", range(10))
def test_five_thousand_races_flip_no_side(block) -> None:
    """FAULTS X08: 5,000 races, 0 side flips, final position 0, verified flat."""
    assert_no_race_flips(range(block * 500, (block + 1) * 500))
