"""Where the panel listens, and what it asks for before strangers can reach it."""

from __future__ import annotations

import ssl

import pytest

from rigd.access.directory import users_of
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.panel.__main__ import main
from rigd.hosts.panel.listening import LOCAL_NAMES, Listening
from rigd.hosts.up.panel import command
from rigd.store.paths import Home
from tests.access.homes import WORDS
from tests.certificates import self_signed
from tests.fakes.clock import FakeClock

ELSEWHERE = "192.0.2.7"


@pytest.fixture
def home(tmp_path):
    """A home whose first admin has registered."""
    made = Home(tmp_path / "home")
    with users_of(made, FakeClock()) as users:
        users._cost = 4
        users.register(users.offer_registration(), "ada", WORDS)
    return made


def listening(folder, address: str = ELSEWHERE, **more) -> Listening:
    certificate, key = self_signed(
        folder, "panel.example", ELSEWHERE, now=FakeClock().now(), **more
    )
    return Listening(address=address, certificate=certificate, key=key)


def test_by_itself_it_is_this_machines_alone(tmp_path) -> None:
    """S16: no option, no user, no certificate."""
    alone = Listening()
    alone.require_safe(Home(tmp_path), FakeClock())
    assert (alone.address, alone.url(8866)) == ("127.0.0.1", "http://127.0.0.1:8866/")
    assert alone.names() == LOCAL_NAMES
    assert alone.context() is None
    assert "--address" not in command(8866, alone)


def test_elsewhere_it_is_encrypted_and_called_as_its_certificate_says(tmp_path, home) -> None:
    """S16: TLS 1.2 at least; names and addresses of the certificate."""
    found = listening(tmp_path)
    found.require_safe(home, FakeClock())
    context = found.context()
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert found.names() == LOCAL_NAMES | {"panel.example", ELSEWHERE}
    assert found.url(8866) == "https://panel.example:8866/"
    words = command(8866, found)
    assert words[words.index("--address") + 1] == ELSEWHERE
    assert words[words.index("--certificate-key") + 1] == str(found.key)


@pytest.mark.parametrize("address", [ELSEWHERE, "0.0.0.0", "::"])  # noqa: S104 - it is refused
def test_elsewhere_without_a_certificate_it_does_not_start(home, address) -> None:
    """S16: neither at an address of a network nor at all of them."""
    with pytest.raises(ConfigError, match="must have a certificate"):
        Listening(address=address).require_safe(home, FakeClock())


def test_elsewhere_without_a_user_it_does_not_start(tmp_path) -> None:
    """S24: the first admin registers on loopback, where no stranger races for it."""
    with pytest.raises(ConfigError, match="nobody has registered"):
        listening(tmp_path).require_safe(Home(tmp_path / "empty"), FakeClock())


@pytest.mark.parametrize("address", ["", "panel.example", "127.0.0.1.evil", "*"])
def test_an_address_is_one(home, address) -> None:
    """A name may lead anywhere."""
    with pytest.raises(ConfigError, match="must be one such as"):
        Listening(address=address).require_safe(home, FakeClock())


def test_a_certificate_comes_with_its_key(tmp_path, home) -> None:
    """S16: one without the other, another's, or no such file."""
    good = listening(tmp_path)
    _, other = self_signed(tmp_path, "panel.example", now=FakeClock().now(), stem="other")
    for wrong in (
        Listening(certificate=good.certificate),
        Listening(key=good.key),
        Listening(certificate=good.certificate, key=other),
        Listening(certificate=good.certificate, key=tmp_path / "none.key"),
        Listening(certificate=good.key, key=good.key),
        Listening(certificate=tmp_path / "none.pem", key=good.key),
    ):
        with pytest.raises(ConfigError, match="certificate"):
            wrong.require_safe(home, FakeClock())


@pytest.mark.parametrize("days", [-1, 0])
def test_a_certificate_that_is_over_is_refused(tmp_path, home, days) -> None:
    """S16: at the start, not at the first complaint of a browser."""
    with pytest.raises(ConfigError, match="must be valid now"):
        listening(tmp_path, days=days).require_safe(home, FakeClock())


def test_a_certificate_names_its_host(tmp_path, home) -> None:
    """S08, S16: without a name no request could be told from a stranger's."""
    certificate, key = self_signed(tmp_path, now=FakeClock().now())
    with pytest.raises(ConfigError, match="must name the host"):
        Listening(certificate=certificate, key=key).require_safe(home, FakeClock())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path, home, mode) -> None:
    """C05: as every key."""
    found = listening(tmp_path)
    found.key.chmod(mode)
    with pytest.raises(ConfigError, match="its owner's alone"):
        found.require_safe(home, FakeClock())


def test_the_panels_process_asks_too(tmp_path, capsys) -> None:
    """S16: whoever starts it."""
    said = main(["--home", str(tmp_path), "--port", "0", "--address", ELSEWHERE])
    assert said == ExitCode.BAD_INPUT
    assert "must have a certificate" in capsys.readouterr().err
