"""``rigd alerts test``."""

from __future__ import annotations

import pytest

from rigd.core.errors import ExitCode
from rigd.hosts.configure import change_secret, change_settings
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.net.sinks import MailSink, serving


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


def test_without_channels_it_says_so(rigd, home) -> None:
    """A12: alerts go to the logs, which is no failure."""
    said = rigd(home, "alerts", "test")
    assert said.code == 0
    assert "no channel is set up" in said.out


def test_each_recipient_is_told_of(rigd, home) -> None:
    """Sent or not, by name; one that fails is a failure, its secrets are not shown."""
    with serving(MailSink()) as mail:
        fields = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
            "SMTP_USER": "bot",
            "SMTP_PASSWORD": "canary-password",
            "EMAIL_TO": "ada@example.org",
        }
        change_secret(home, "alerts", fields, "", FakeClock())
        said = rigd(home, "alerts", "test")
        assert said.code == 0
        assert "a…@example.org" in said.out
        assert len(mail.mails) == 1
        change_secret(home, "alerts", {"EMAIL_TO": "bad@example.org"}, "", FakeClock())
        said = rigd(home, "alerts", "test")
    assert said.code == ExitCode.ERROR
    assert "not sent" in said.out
    assert "canary" not in said.out + said.err


def test_a_channel_that_the_settings_name_must_be_set_up(rigd, home) -> None:
    """Found before an alert needs it."""
    change_settings(bot_of(home), {"CRITICAL_ALERT_CHANNEL": "slack"}, "", FakeClock())
    said = rigd(home, "alerts", "test")
    assert said.code == ExitCode.ERROR
    assert "name slack, which is not set up" in said.out
