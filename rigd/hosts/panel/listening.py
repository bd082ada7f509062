"""Where the panel listens: on loopback, or elsewhere with a certificate and for known users alone.

By itself nothing of it leaves the machine. Another address needs TLS 1.2 or newer and a user who
can log in: the first one registers on loopback, where no stranger races for it (FAULTS §4.7 S16,
S24). A request must name the host as the certificate does, so that no other site's name leads here.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rigd.access.directory import has_users
from rigd.core.errors import ConfigError
from rigd.hosts.ports import LOOPBACK

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from rigd.core.ports import Clock
    from rigd.store.paths import Home

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names of this machine for itself."""

_FIX = "give both --certificate and --certificate-key, PEM files; or leave out --panel-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where the panel listens.

    Parameters
    ----------
    address
        Of one of this machine's networks; loopback by default.
    certificate, key
        PEM files: the server's certificate with its chain, and its key, the owner's alone.
    """

    address: str = LOOPBACK
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Tell whether this machine alone can reach it."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False

    def options(self) -> list[str]:
        """Return the options of the panel's command line that say this."""
        files = (("--certificate", self.certificate), ("--certificate-key", self.key))
        given = [part for name, path in files if path for part in (name, str(path.absolute()))]
        return ["--address", self.address, *given] if self != Listening() else []

    def url(self, port: int) -> str:
        """Return the panel's address, by the first name of its certificate."""
        if self.certificate is None:
            return f"http://{LOOPBACK}:{port}/"
        return f"https://{next(iter(self._certified()), self.address)}:{port}/"

    def names(self) -> frozenset[str]:
        """Return the names by which a request may call it."""
        return LOCAL_NAMES | set(self._certified())

    def require_safe(self, home: Home, clock: Clock) -> None:
        """Refuse an address at which strangers could read along, or come first.

        Parameters
        ----------
        home
            Whose users.
        clock
            Wall time.

        Raises
        ------
        ConfigError
            If it is no address, or not loopback and without a certificate, or without a user; if
            the certificate cannot be used: not readable, not valid now, without a name, or its key
            is another one's or open to others.
        """
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:
            msg = f"the panel's address must be one such as 192.0.2.7, was {self.address!r}"
            raise ConfigError(msg) from error
        if (self.certificate is None) != (self.key is None):
            msg = "a certificate must come with its key, found one of them"
            raise ConfigError(msg, fix=_FIX)
        if self.certificate is None and not self.is_local:
            msg = f"a panel beyond this machine must have a certificate, {self.address} has none"
            raise ConfigError(msg, fix=_FIX)
        if self.certificate is not None:
            self._require_certificate(clock.now())
        if not self.is_local:
            _require_users(home, clock)

    def context(self) -> ssl.SSLContext | None:
        """Return how connections are encrypted.

        Returns
        -------
        ssl.SSLContext or None
            None when they are not.

        Raises
        ------
        ConfigError
            If certificate and key cannot be read, or are not one another's.
        """
        if self.certificate is None:
            return None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            made.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            msg = f"certificate and key must be PEM files that belong together: {error}"
            raise ConfigError(msg, fix=_FIX) from error
        return made

    def _require_certificate(self, now: datetime) -> None:
        found = self._read()
        if not found.not_valid_before_utc <= now < found.not_valid_after_utc:
            until = f"{found.not_valid_before_utc:%Y-%m-%d} to {found.not_valid_after_utc:%Y-%m-%d}"
            msg = f"the certificate must be valid now, it is from {until}"
            raise ConfigError(msg, fix="have it renewed")
        if not self._certified():
            msg = "the certificate must name the host (subject alternative name), it names none"
            raise ConfigError(msg, fix="have it made for the name that people will type")
        if self.key is not None and self.key.exists():
            status = self.key.stat()
            if status.st_uid not in {os.getuid(), 0} or status.st_mode & (
                stat.S_IRWXG | stat.S_IRWXO
            ):
                msg = f"the certificate's key must be its owner's alone, {self.key.name} is not"
                raise ConfigError(msg, fix=f"chmod 600 {self.key}")
        self.context()

    def _certified(self) -> list[str]:
        from cryptography import x509  # noqa: PLC0415 - seldom

        if self.certificate is None:
            return []
        try:
            found = self._read().extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        names = found.value.get_values_for_type(x509.DNSName)
        addresses = found.value.get_values_for_type(x509.IPAddress)
        return [name.lower() for name in names] + [str(address) for address in addresses]

    def _read(self) -> Certificate:
        from cryptography import x509  # noqa: PLC0415 - seldom

        try:
            return x509.load_pem_x509_certificate(self.certificate.read_bytes())  # type: ignore[union-attr] # asked before
        except (OSError, ValueError) as error:
            msg = f"the certificate must be a PEM file that can be read: {error}"
            raise ConfigError(msg, fix=_FIX) from error


def _no_password() -> str:
    """Answer for a key that is sealed with a password: nobody is there to type it."""
    return ""


def _require_users(home: Home, clock: Clock) -> None:
    if has_users(home, clock):
        return
    msg = "a panel beyond this machine must have a user, nobody has registered"
    raise ConfigError(
        msg, fix="rigd up without --panel-address, and register the first admin there"
    )
