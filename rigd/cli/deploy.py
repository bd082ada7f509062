"""``rigd deploy``: install, start and look at the service, or run the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, open_home, say, say_next
from rigd.config.sources import environment
from rigd.hosts import deploy
from rigd.hosts.up.options import Answering

if TYPE_CHECKING:
    from pathlib import Path


def install(
    *,
    really: bool,
    port: int | None = None,
    health_port: int,
    address: str | None = None,
    certificate: Path | None = None,
    certificate_key: Path | None = None,
) -> int:
    """Link the units; print the steps, and take them with ``--run``.

    Parameters
    ----------
    really, port, health_port, address, certificate, certificate_key
        The options as typed; all but the first are what the service gives to ``rigd up``.

    Returns
    -------
    int
        The exit code of the first step that failed; 0.

    Raises
    ------
    ConfigError
        If ``rigd up`` would refuse to start with them; nothing was changed.
    """
    answering = Answering(
        port=port,
        address=address,
        certificate=certificate,
        certificate_key=certificate_key,
        health_port=health_port,
    )
    answering.checked(open_home(), CLOCK)
    code = deploy.install(environment(), say, really=really, options=answering.words())
    say_next("rigd deploy start --run" if really else "rigd deploy install --run", "rigd doctor")
    return code


def start(*, really: bool) -> int:
    """Start the service."""
    code = deploy.take(deploy.start_steps(), say, really=really)
    say_next("rigd health --detailed")
    return code


def docker(*, really: bool) -> int:
    """Build and start the container."""
    code = deploy.take(deploy.docker_steps(), say, really=really)
    say_next("rigd health --detailed, inside: docker compose exec rigd rigd health")
    return code


def status() -> int:
    """Tell whether the service is installed and may run; 0 when nothing is wrong."""
    found = deploy.problems(environment())
    for name, passed, detail, fix in found:
        say(f"{'ok  ' if passed else 'FAIL'} {name}: {detail}")
        if not passed:
            say(f"     fix: {fix}")
    say_next("rigd health --detailed")
    return int(not all(passed for _, passed, _, _ in found))
