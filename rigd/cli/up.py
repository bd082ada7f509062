"""``rigd up``: be the bot's supervisor; ``rigd health``: tell how the bot is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, IDS, open_home, say, say_json, say_next
from rigd.config.sources import environment
from rigd.core.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def run(
    *,
    port: int | None,
    health_port: int,
    with_panel: bool,
    on_schedule: bool,
    speed: float,
    address: str | None = None,
    certificate: Path | None = None,
    certificate_key: Path | None = None,
) -> int:
    """Supervise until asked to end.

    Parameters
    ----------
    port, health_port, with_panel, on_schedule, speed, address, certificate, certificate_key
        The options as typed; without a port and address they are PORT and IP of
        ``env/.env``.

    Returns
    -------
    int
        0 after a graceful end.

    Raises
    ------
    ConfigError
        If a port is none for a user's service, or the panel's address is not safe.
    """
    from rigd.hosts.up.options import Answering  # noqa: PLC0415 - keeps `rigd health` light
    from rigd.hosts.up.service import serve  # noqa: PLC0415 - as above

    home = open_home()
    answering = Answering(
        port=port,
        address=address,
        certificate=certificate,
        certificate_key=certificate_key,
        health_port=health_port,
        with_panel=with_panel,
    )
    panel_port, listening = answering.checked(home, CLOCK)
    serve(
        home,
        environment(),
        CLOCK,
        IDS,
        tell=_tell,
        panel_port=panel_port,
        health_port=health_port,
        with_panel=with_panel,
        on_schedule=on_schedule,
        speed=speed,
        listening=listening,
    )
    _tell("next: rigd up")
    return int(ExitCode.OK)


def _tell(text: str) -> None:
    """Tell a person at the console; one that is gone ends no supervisor."""
    with suppress(OSError):
        say(text)


def health(*, detailed: bool, server: bool, port: int, as_json: bool) -> int:
    """Print how the bot is, or answer on a port.

    Parameters
    ----------
    detailed, server, port, as_json
        The options as typed.

    Returns
    -------
    int
        0 while the bot is well, else 1.
    """
    home = open_home()
    if server:
        from rigd.hosts.up.server import HealthPort  # noqa: PLC0415 - loads a web server

        with HealthPort(home, CLOCK, port) as served:
            say(f"http://127.0.0.1:{served.port}/health; Ctrl-C ends it")
            try:
                served.wait()
            except KeyboardInterrupt:
                return int(ExitCode.OK)
    from rigd.hosts.up.facts import examine  # noqa: PLC0415 - loads the settings

    found = examine(home, CLOCK)
    if as_json:
        say_json(found.as_fields())
    else:
        say(f"{'healthy' if found.well else 'UNHEALTHY'}: {found.state or 'no state'}")
        for part in found.parts:
            if detailed or part.well is False:
                mark = {True: "ok  ", False: "ILL ", None: "-   "}[part.well]
                say(f"{mark} {part.name}: {part.detail}")
        say_next("rigd health --detailed" if found.well else "rigd doctor")
    return int(ExitCode.OK if found.well else ExitCode.ERROR)
