"""What may stand in each secret file, field by field: the configuration page's forms."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rule(NamedTuple):
    """What a field must look like: the pattern of the whole text, and in words."""

    pattern: str
    words: str


_CODE = Rule(r"[A-Z0-9]{2,12}", "2 to 12 capital letters and digits")
_TOKEN = Rule(r"[!-~]{8,400}", "8 to 400 printable characters without blanks")
_URL = Rule(r"https?://[!-~]{3,400}", "an address that begins with https:// or http://")
_MAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}"
_MAILS = Rule(rf"{_MAIL}( *, *{_MAIL})*", "mail addresses, comma separated")
_PHONES = Rule(r"\+?[0-9]{6,15}( *, *\+?[0-9]{6,15})*", "phone numbers, comma separated")
_NAMES = Rule(r"[a-z]+( *, *[a-z]+)*", "channels, comma separated")

FORMS: Mapping[str, Mapping[str, Rule]] = MappingProxyType({
    "bot_identity": MappingProxyType({
        "ENTITY_CODE": _CODE,
        "JURISDICTION_CODE": _CODE,
        "BOT_ID": Rule(r"[A-Z0-9]{1,8}", "1 to 8 capital letters and digits"),
        "PROFILE": Rule(r"TEST|PRODUCTION", "TEST or PRODUCTION"),
        "OFX_ACCOUNT_ID": Rule(r"[A-Za-z0-9-]{1,22}", "1 to 22 letters, digits and -"),
    }),
    "broker": MappingProxyType({
        "BROKER_API_KEY": _TOKEN,
        "BROKER_SECRET_KEY": _TOKEN,
        "BROKER_URL": _URL,
        "BROKER_ACCOUNT_NUMBER": Rule(r"[A-Za-z0-9-]{1,64}", "1 to 64 letters, digits and -"),
        "BROKER_USERNAME": Rule(r"[!-~]{1,200}", "1 to 200 printable characters"),
        "BROKER_PASSWORD": Rule(r"[ -~]{1,400}", "1 to 400 printable characters"),
        "BROKER_TOKEN": _TOKEN,
    }),
    "screener_api": MappingProxyType({"FINNHUB_API_KEY": Rule(r"[!-~]{8,200}", _TOKEN.words)}),
    "acct_api_credentials": MappingProxyType({"ACCT_API_URL": _URL, "ACCT_API_TOKEN": _TOKEN}),
    "alerts": MappingProxyType({
        "SMTP_HOST": Rule(r"[A-Za-z0-9.-]{1,253}", "a host name"),
        "SMTP_PORT": Rule(r"[0-9]{1,5}", "a port"),
        "SMTP_SECURITY": Rule(r"starttls|ssl|none", "starttls, ssl or none"),
        "SMTP_USER": Rule(r"[!-~]{1,200}", "1 to 200 printable characters"),
        "SMTP_PASSWORD": Rule(r"[ -~]{1,400}", "1 to 400 printable characters"),
        "EMAIL_FROM": Rule(_MAIL, "a mail address"),
        "EMAIL_TO": _MAILS,
        "SLACK_WEBHOOK": _URL,
        "SMS_URL": _URL,
        "SMS_TOKEN": _TOKEN,
        "SMS_TO": _PHONES,
        "PAGERDUTY_KEY": _TOKEN,
        "PAGERDUTY_URL": _URL,
        "ESCALATION": _NAMES,
        "ROUTES": Rule(
            r"[a-z_* ]+/[a-z*]+=[a-z]+( *, *[a-z_* ]+/[a-z*]+=[a-z]+)*",
            "EVENT/STRATEGY=CHANNEL, comma separated",
        ),
    }),
})
"""Secret by secret, what may be set."""

OF_THE_BOT = frozenset(FORMS["bot_identity"])
"""What is fixed once the bot has books or users: it would be another bot (INVENTORY H5)."""


def checked(secret: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form that are to be changed.

    Parameters
    ----------
    secret
        The form's name, such as ``broker``.
    fields
        Texts by field; blank ones stay as they are.

    Returns
    -------
    dict of str to str
        Those that are not blank.

    Raises
    ------
    ConfigError
        If the form or a field is unknown, or a text breaks its rule; the text is not shown.
    """
    form = FORMS.get(secret)
    if form is None:
        msg = f"a secret must be one of {', '.join(FORMS)}, was another"
        raise ConfigError(msg)
    given = {name: text.strip() for name, text in fields.items() if text.strip()}
    source = f"{secret}.json"
    problems = [Problem(source, "is no field of it", name[:60]) for name in given.keys() - form]
    problems += [
        Problem(source, f"must be {form[name].words}, was something else", name)
        for name, text in sorted(given.items())
        if name in form and not re.fullmatch(form[name].pattern, text)
    ]
    if problems:
        msg = f"{source}: {len(problems)} field(s) are not right; nothing was saved"
        raise ConfigError(msg, problems=problems)
    return given
