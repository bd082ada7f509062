"""The channels of alerts, through Apprise: mail, Slack, SMS, PagerDuty.

Each recipient is told by a notification of its own, so that one bad address does not stop others.
Apprise is imported when the first one is sent: it is slow, and most processes send nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

EMAIL, SLACK, SMS, PAGERDUTY = CHANNELS = ("email", "slack", "sms", "pagerduty")

NEEDS: Mapping[str, tuple[str, ...]] = {
    EMAIL: ("SMTP_HOST", "EMAIL_TO"),
    SLACK: ("SLACK_WEBHOOK",),
    SMS: ("SMS_URL",),
    PAGERDUTY: ("PAGERDUTY_KEY",),
}
"""The fields of ``alerts.json`` without which a channel is not set up."""

_SECURITY = {"none": "insecure", "ssl": "ssl", "starttls": "starttls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is to tell.

    Parameters
    ----------
    title, text
        One line, and the rest.
    critical
        How urgent.
    dedup
        What makes two sendings one incident.
    fields
        The payload by name.
    """

    title: str
    text: str
    critical: bool
    dedup: str
    fields: Mapping[str, str]


class Sent(NamedTuple):
    """What came of one recipient: `who` is masked, `why` tells no secret."""

    who: str
    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of one home.

    Parameters
    ----------
    setup
        The fields of ``alerts.json``; they never show in a text.
    """

    setup: Mapping[str, str] = field(repr=False)

    @property
    def there(self) -> tuple[str, ...]:
        """The channels that are set up, in the order of `CHANNELS`."""
        return tuple(name for name in CHANNELS if all(self.setup.get(key) for key in NEEDS[name]))

    def send(self, channel: str, message: Message) -> tuple[Sent, ...]:
        """Tell a channel's recipients, each by itself.

        Parameters
        ----------
        channel
            One of `CHANNELS`.
        message
            What to tell.

        Returns
        -------
        tuple of Sent
            One for each recipient; never an exception.
        """
        if channel not in self.there:
            missing = [key for key in NEEDS.get(channel, ()) if not self.setup.get(key)]
            return (Sent(channel, ok=False, why=f"not set up: {', '.join(missing) or channel}"),)
        try:
            return tuple(self._told(channel, message))
        except Exception as error:  # noqa: BLE001 - a channel must never fail its caller
            return (Sent(channel, ok=False, why=f"failed: {type(error).__name__}"),)

    def _told(self, channel: str, message: Message) -> Iterator[Sent]:
        import apprise  # noqa: PLC0415 - slow, and most processes send nothing

        quiet = logging.getLogger("apprise")  # it writes addresses and tokens
        quiet.disabled, quiet.propagate = True, False
        kind = apprise.NotifyType.FAILURE if message.critical else apprise.NotifyType.INFO
        for who, make in _RECIPIENTS[channel](self.setup, message):
            ok, why = False, "refused by the service, or not reached"
            try:
                ok = bool(make().notify(body=message.text, title=message.title, notify_type=kind))
            except Exception as error:  # noqa: BLE001 - its text may hold an address or a token
                why = f"failed: {type(error).__name__}"
            yield Sent(who, ok, "sent" if ok else why)


def masked(who: str) -> str:
    """Return a recipient as logs may show it: the first letter and what follows an ``@``."""
    name, at, host = who.partition("@")
    return f"{name[:1]}…{at}{host}" if at else f"…{name[-3:]}"


def _asset() -> Any:  # noqa: ANN401 - apprise is imported late
    import apprise  # noqa: PLC0415 - as above

    return apprise.AppriseAsset(
        app_id="rigd", app_desc="rigd", app_url="", async_mode=False, storage_path=None
    )


def _mails(setup: Mapping[str, str], _message: Message) -> Iterator[tuple[str, Any]]:
    from apprise.plugins.email.base import NotifyEmail  # noqa: PLC0415 - as above

    security = setup.get("SMTP_SECURITY", "starttls")
    port = int(setup.get("SMTP_PORT") or (465 if security == "ssl" else 587))
    user = setup.get("SMTP_USER", "")
    sender = setup.get("EMAIL_FROM") or (user if "@" in user else "rigd@localhost")
    for to in _each(setup["EMAIL_TO"]):
        yield (
            masked(to),
            lambda to=to: NotifyEmail(  # type: ignore[no-untyped-call] # it has no types
                smtp_host=setup["SMTP_HOST"],
                host=setup["SMTP_HOST"],
                port=port,
                user=setup.get("SMTP_USER") or None,
                password=setup.get("SMTP_PASSWORD") or None,
                from_addr=sender,
                targets=[to],
                secure_mode=_SECURITY[security],
                format="text",
                asset=_asset(),
            ),
        )


def _slack(setup: Mapping[str, str], _message: Message) -> Iterator[tuple[str, Any]]:
    from apprise.plugins.slack import NotifySlack  # noqa: PLC0415 - as above

    def make() -> Any:  # noqa: ANN401 - apprise has no types
        parts = urlsplit(setup["SLACK_WEBHOOK"])
        *before, token_a, token_b, token_c = parts.path.strip("/").split("/")
        made = NotifySlack(  # type: ignore[no-untyped-call] # it has no types
            token_a=token_a, token_b=token_b, token_c=token_c, asset=_asset()
        )
        made.webhook_url = f"{parts.scheme}://{parts.netloc}/{'/'.join(before)}"
        return made

    yield urlsplit(setup["SLACK_WEBHOOK"]).hostname or SLACK, make


def _sms(setup: Mapping[str, str], message: Message) -> Iterator[tuple[str, Any]]:
    """Yield one text message per number: any gateway that takes JSON, or a service of Apprise."""
    import apprise  # noqa: PLC0415 - as above
    from apprise.plugins.custom_json import NotifyJSON  # noqa: PLC0415 - as above

    parts = urlsplit(setup["SMS_URL"])
    for to in _each(setup.get("SMS_TO", "")) or [""]:

        def make(to: str = to) -> Any:  # noqa: ANN401 - apprise has no types
            if parts.scheme not in {"http", "https"}:
                return apprise.Apprise.instantiate(f"{setup['SMS_URL']}/{to}", asset=_asset())
            headers = (
                {"Authorization": f"Bearer {setup['SMS_TOKEN']}"}
                if (setup.get("SMS_TOKEN"))
                else {}
            )
            return NotifyJSON(  # type: ignore[no-untyped-call] # it has no types
                host=parts.hostname,
                port=parts.port,
                fullpath=parts.path or "/",
                secure=parts.scheme == "https",
                headers=headers,
                payload={"to": to, "dedup_key": message.dedup},
                asset=_asset(),
            )

        yield masked(to), make


def _pagerduty(setup: Mapping[str, str], message: Message) -> Iterator[tuple[str, Any]]:
    from apprise.plugins import pagerduty  # noqa: PLC0415 - as above

    def make() -> Any:  # noqa: ANN401 - apprise has no types
        made = pagerduty.NotifyPagerDuty(
            apikey=setup["PAGERDUTY_KEY"],
            integrationkey=setup["PAGERDUTY_KEY"],
            source=message.fields.get("bot") or "rigd",
            component="rigd",
            include_image=False,
            action="trigger",
            dedup=message.dedup,
            details=dict(message.fields),
            asset=_asset(),
        )
        if url := setup.get("PAGERDUTY_URL"):
            pagerduty.PAGERDUTY_API_LOOKUP[url] = url
            made.region_name = url
        return made

    yield PAGERDUTY, make


_RECIPIENTS = {EMAIL: _mails, SLACK: _slack, SMS: _sms, PAGERDUTY: _pagerduty}


def _each(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
