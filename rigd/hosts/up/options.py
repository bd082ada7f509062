"""Where panel and health port answer, as it is typed: checked by `rigd up` and by an installation.

A service that `rigd up` would refuse is not installed: it would be started again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rigd.core.errors import ConfigError
from rigd.hosts.bot import env_file
from rigd.hosts.panel.listening import Listening
from rigd.hosts.ports import require_users_port

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.store.paths import Home

HEALTH_PORT: Final = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Where a supervisor is to answer.

    Parameters
    ----------
    port, address
        The panel's; without them PORT and IP of ``env/.env`` at each start.
    certificate, certificate_key
        The panel's PEM files; None for a panel on loopback.
    health_port
        The health port's; 0 for any.
    with_panel
        Whether there is a panel.
    """

    port: int | None = None
    address: str | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    health_port: int = HEALTH_PORT
    with_panel: bool = True

    def checked(self, home: Home, clock: Clock) -> tuple[int, Listening]:
        """Return the panel's port and where it listens, once it is safe.

        Parameters
        ----------
        home
            Whose.
        clock
            Wall time.

        Returns
        -------
        tuple of int and Listening
            With ``env/.env`` where nothing was typed.

        Raises
        ------
        ConfigError
            If a port is none for a user's service, two are the same, or the panel's address is
            not safe.
        """
        named = env_file(home)
        port = named.port if self.port is None else self.port
        require_users_port(port, "a port")
        if self.health_port:
            require_users_port(self.health_port, "a port")
        if self.with_panel and port == self.health_port:
            msg = f"panel and health must have a port of their own, both were to have {port}"
            raise ConfigError(msg, fix="choose another with --health-port, 0 for any")
        listening = Listening(
            address=self.address or named.ip,
            certificate=self.certificate,
            key=self.certificate_key,
        )
        if self.with_panel:
            listening.require_safe(home, clock)
        return port, listening

    def words(self) -> list[str]:
        """Return what is typed after ``rigd up`` to say this; nothing for what it does anyway."""
        files = (("--certificate", self.certificate), ("--certificate-key", self.certificate_key))
        given = {
            "--port": self.port,
            "--health-port": None if self.health_port == HEALTH_PORT else self.health_port,
            "--panel-address": self.address,
            **{name: path and path.absolute() for name, path in files},
        }
        return [
            word
            for name, value in given.items()
            if value is not None
            for word in (name, str(value))
        ]
