"""Secrets that no file holds by chance, one for each secret field, and a sweep that finds them.

Each text is made of what its field takes and of a core: letters and digits that JSON, URLs, HTML
and every other way of escaping leave as they are. The sweep looks for the cores, plain, in base64
at each of three offsets, in hexadecimal, and inside archives (INVENTORY K20, FAULTS I-22).
"""

from __future__ import annotations

import base64
import html
import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FIELDS: Mapping[str, Mapping[str, str]] = {
    "alerts": {
        "SMTP_USER": "{}@example.org",
        "SMTP_PASSWORD": "a {} \"p<w>&/\\'",
        "EMAIL_FROM": "from.{}@example.org",
        "SLACK_WEBHOOK": "https://127.0.0.1:1/services/T1JJ3T3L2/A1BRTD4JD/{}",
        "SMS_URL": "https://127.0.0.1:1/{}",
        "SMS_TOKEN": "t?{}&+/",
        "PAGERDUTY_KEY": "{}0123456789abcdefghij",
        "PAGERDUTY_URL": "https://127.0.0.1:1/{}",
    },
    "broker": {
        "BROKER_API_KEY": "k&key={}<>",
        "BROKER_SECRET_KEY": 's/secret\\{}"',
        "BROKER_URL": "https://{}.example.org",
        "BROKER_ACCOUNT_NUMBER": "U-{}",
        "BROKER_USERNAME": "user.{}",
        "BROKER_PASSWORD": "pass {} %",
        "BROKER_TOKEN": "+token+{}=",
    },
    "screener_api": {"FINNHUB_API_KEY": "f-{}"},
    "acct_api_credentials": {
        "ACCT_API_URL": "https://127.0.0.1/{}",
        "ACCT_API_TOKEN": "a-{}",
    },
}
"""Every field of every form that nobody may learn, with a text that the field takes."""

OPEN = frozenset({
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_SECURITY",
    "EMAIL_TO",
    "SMS_TO",
    "ESCALATION",
    "ROUTES",
})
"""The fields of those forms that are no secret; the identity is none either, it names the bot."""

ENV_FILE: Mapping[str, str] = {
    "ENCRYPTION_KEY": "e-{}=",
    "SMTP_USER": "env.{}",
    "SMTP_PASSWORD": "env {} pass",
}
"""The secret fields of the readable ``env/.env``."""

VARIABLES: Mapping[str, str] = {
    "ALPACA_SECRET_KEY": "v-{}",
    "AWS_SESSION_TOKEN": "w-{}",
    "SMTP_PASSWORD": "x {} y",
}
"""What an operator's environment may hold, and no child process may get."""

MARK = "zq7canary"
_MEMBERS = 10_000


class Hit(NamedTuple):
    """Where a secret was found: the place, which one, and how it was written."""

    place: str
    secret: str
    encoding: str


class Canaries:
    """The secrets of one test."""

    def __init__(self) -> None:
        self._needles: dict[bytes, tuple[str, str]] = {}
        self._marks = set(_encoded(MARK.encode())) | set(_encoded(MARK.upper().encode()))
        self._others: dict[bytes, tuple[str, str]] = {}
        self.names: list[str] = []

    def make(self, name: str, form: str = "{}") -> str:
        """Return a new secret of a form."""
        core = f"{MARK}{len(self.names):04d}x{sum(name.encode()) % 1000:03d}"
        self.names.append(name)
        for encoding, needles in _ways(core.encode()).items():
            for needle in needles:
                self._needles[needle] = (name, encoding)
        return form.format(core)

    def fields(self, secret: str) -> dict[str, str]:
        """Return a new secret for each secret field of a form."""
        return {key: self.make(f"{secret}.{key}", form) for key, form in FIELDS[secret].items()}

    def know(self, name: str, found: str | bytes) -> None:
        """Look for something that the product drew: a token, a cookie, a key."""
        raw = found.encode() if isinstance(found, str) else found
        assert len(raw) >= 16, f"{name} is too short to be looked for"
        self.names.append(name)
        for encoding, needles in _ways(raw).items():
            for needle in needles:
                self._others[needle] = (name, encoding)

    def hits(
        self,
        places: Iterable[tuple[str, bytes]],
        allowed: Mapping[str, frozenset[str]] | None = None,
    ) -> list[Hit]:
        """Return every secret that stands in a place, but where it may.

        Parameters
        ----------
        places
            Names and contents.
        allowed
            The beginnings of the names of the places where a secret belongs, by its name.

        Returns
        -------
        list of Hit
            In order, each once.
        """
        found = {
            Hit(place, name, encoding)
            for whole, content in places
            for place, held in opened(whole, content)
            for name, encoding in self._in(held)
            if not place.startswith(tuple((allowed or {}).get(name, ())))
        }
        return sorted(found)

    def _in(self, held: bytes) -> set[tuple[str, str]]:
        found = {what for needle, what in self._others.items() if needle in held}
        if any(mark in held for mark in self._marks):
            found |= {what for needle, what in self._needles.items() if needle in held}
        return found


def opened(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a content, and what is packed inside it."""
    yield place, content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist()[:_MEMBERS]:
                yield from opened(f"{place}!{name}", archive.read(name))
    elif content.startswith(b"\x1f\x8b"):
        yield from opened(f"{place}!", zlib.decompress(content, 31))


def files_below(root: Path, *leave: str) -> list[tuple[str, bytes]]:
    """Return every plain file below a folder; names that begin with one of `leave` are left out."""
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and not name.startswith(leave):
            found.append((name, path.read_bytes()))
    return found


def written(text: str) -> dict[str, bytes]:
    """Return a text in each way that a file may hold it: what the sweep must find."""
    raw = text.encode()
    return {
        "plain": raw,
        "JSON": json.dumps({"x": text}).encode(),
        "URL": quote(f"a={text}", safe="").encode(),
        "HTML": html.escape(f"<b>{text}</b>").encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        **{f"base64+{n}": base64.b64encode(b"\xff" * n + raw) for n in range(3)},
        **{f"base64url+{n}": base64.urlsafe_b64encode(b"\xff" * n + raw) for n in range(3)},
    }


def _ways(raw: bytes) -> dict[str, set[bytes]]:
    texts = {"plain": {raw}, "hex": {raw.hex().encode(), raw.hex().upper().encode()}}
    text = raw.decode("latin-1")
    texts["escaped"] = {quote(raw, safe="").encode(), json.dumps(text)[1:-1].encode()} - {raw}
    return texts | {"base64": set(_base64(raw))}


def _encoded(raw: bytes) -> Iterator[bytes]:
    for needles in _ways(raw).values():
        yield from needles


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield the characters that a text gives at each of three offsets, whatever is around it."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw + b"\0" * 3)
        part = whole[4 if shift else 0 : (shift + len(raw)) * 4 // 3]
        yield part
        yield part.translate(bytes.maketrans(b"+/", b"-_"))
