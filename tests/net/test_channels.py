"""Each channel reaches a real loopback sink, and one bad recipient stops no other."""

from __future__ import annotations

import pytest

from rigd.net.channels import CHANNELS, Channels, Message, masked
from tests.net.sinks import MailSink, WebSink, serving

MESSAGE = Message(
    title="[RIGD_USA_SIM_01 TEST] CRITICAL: broker down",
    text="ticker: FB\ncause: silent for 15 s",
    critical=True,
    dedup="d" * 32,
    fields={"ticker": "FB", "bot": "RIGD_USA_SIM_01", "cause": "silent for 15 s"},
)


@pytest.fixture
def mail():
    with serving(MailSink()) as sink:
        yield sink


@pytest.fixture
def web():
    with serving(WebSink()) as sink:
        yield sink


def mail_setup(mail, to: str) -> dict[str, str]:
    return {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_SECURITY": "none",
        "EMAIL_FROM": "bot@example.org",
        "EMAIL_TO": to,
    }


def test_a_mail_to_each_recipient_and_a_bad_address_stops_no_other(mail) -> None:
    """A1, A13: three recipients, the first refused; two mails with title and text."""
    setup = mail_setup(mail, "bad@example.org, ada@example.org,bob@example.org")
    sent = Channels(setup).send("email", MESSAGE)
    assert [each.ok for each in sent] == [False, True, True]
    assert [each.who for each in sent] == ["b…@example.org", "a…@example.org", "b…@example.org"]
    assert [to for to, _ in mail.mails] == [["ada@example.org"], ["bob@example.org"]]
    for _, text in mail.mails:
        assert "CRITICAL" in text
        assert "silent for 15 s" in text


def test_slack_gets_json(web) -> None:
    """A2: the webhook's path holds its three tokens."""
    web.code = 200
    path = "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    (sent,) = Channels({"SLACK_WEBHOOK": web.url + path}).send("slack", MESSAGE)
    assert sent == ("127.0.0.1", True, "sent")
    ((at, headers, body),) = web.posts
    assert at == path
    assert headers["Content-Type"].startswith("application/json")
    assert "silent for 15 s" in str(body)


def test_the_sms_gateway_gets_one_message_for_each_number(web) -> None:
    """A3: number and text as JSON, the token in a header."""
    setup = {
        "SMS_URL": f"{web.url}/sms",
        "SMS_TO": "+4915100001, +4915100002",
        "SMS_TOKEN": "t0ken",
    }
    sent = Channels(setup).send("sms", MESSAGE)
    assert [each.ok for each in sent] == [True, True]
    assert [(at, body["to"]) for at, _, body in web.posts] == [
        ("/sms", "+4915100001"),
        ("/sms", "+4915100002"),
    ]
    assert all(headers["Authorization"] == "Bearer t0ken" for _, headers, _ in web.posts)
    assert all("silent for 15 s" in body["message"] for _, _, body in web.posts)


def test_pagerduty_gets_a_trigger_with_its_dedup_key(web) -> None:
    """A4: the events interface, version 2."""
    setup = {"PAGERDUTY_KEY": "k" * 32, "PAGERDUTY_URL": f"{web.url}/v2/enqueue"}
    (sent,) = Channels(setup).send("pagerduty", MESSAGE)
    assert sent.ok
    ((at, _, body),) = web.posts
    assert at == "/v2/enqueue"
    assert (body["event_action"], body["dedup_key"]) == ("trigger", "d" * 32)
    assert body["routing_key"] == "k" * 32
    assert body["payload"]["custom_details"]["ticker"] == "FB"


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_that_is_not_set_up_says_what_is_missing(channel) -> None:
    """A12: no exception."""
    (sent,) = Channels({}).send(channel, MESSAGE)
    assert not sent.ok
    assert "not set up" in sent.why


def test_a_service_that_refuses_or_is_gone_is_told_without_its_secrets(web) -> None:
    """The outcome names neither address, token nor what the service said."""
    web.code = 500
    token = "TIiajkdnlazkcOXrIdevi7FQ"  # noqa: S105 - of nobody
    path = f"/services/T1JJ3T3L2/A1BRTD4JD/{token}"
    gone = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "1",
        "SMTP_SECURITY": "none",
        "EMAIL_TO": "a@b.de",
    }
    for channel, setup in (("slack", {"SLACK_WEBHOOK": web.url + path}), ("email", gone)):
        channels = Channels(setup)
        (sent,) = channels.send(channel, MESSAGE)
        assert not sent.ok
        assert token not in str(sent)
        assert token not in repr(channels)


def test_a_malformed_setup_is_a_failure_not_an_exception() -> None:
    """A webhook without its tokens, a port that is none."""
    for channel, setup in (
        ("slack", {"SLACK_WEBHOOK": "https://127.0.0.1/x"}),
        ("email", {"SMTP_HOST": "127.0.0.1", "EMAIL_TO": "a@b.de", "SMTP_PORT": "x"}),
    ):
        (sent,) = Channels(setup).send(channel, MESSAGE)
        assert not sent.ok
        assert sent.why.startswith("failed: ")


def test_what_logs_show_of_a_recipient() -> None:
    """Enough to know which one, too little to write to."""
    assert masked("ada@example.org") == "a…@example.org"
    assert masked("+4915100001") == "…001"
