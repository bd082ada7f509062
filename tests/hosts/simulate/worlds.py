"""Worlds with chosen faults, for tests of one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.hosts.simulate.swarm import Personality, Profile, draw
from rigd.hosts.simulate.world import SimWorld

if TYPE_CHECKING:
    from rigd.hosts.simulate.faults import Fault
    from rigd.hosts.simulate.swarm import Options


def chosen(
    rates: dict[Fault, float], seed: int = 0, crashes: int = 3, **changes: object
) -> Options:
    """A seed with nothing but some faults, on a broker of good manners unless changed."""
    options = draw(seed, Profile.SWARM)
    values: dict[str, object] = {"personality": Personality(), "crashes": crashes}
    return replace(options, rates=rates, **(values | changes))


def run(rates: dict[Fault, float], **choices: object) -> SimWorld:
    """Run such a seed."""
    return SimWorld(chosen(rates, **choices), keep_trace=True).run()
