"""The strict reader of KEY=VALUE files: lines give values, or problems; nothing is evaluated."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dotenv.parser import parse_stream

from rigd.core.errors import ConfigError, Problem

MAX_BYTES = 65_536
MAX_KEYS = 512
MAX_LINE = 1_000
"""Limits of a file [bytes, lines with a key, characters] (FAULTS C04)."""

ELSEWHERE = {
    "BROKER": "is BROKER_CODE",
    "ENTITY_CODE": "belongs to bot_identity.json.enc",
    "JURISDICTION_CODE": "belongs to bot_identity.json.enc",
    "BOT_ID": "belongs to bot_identity.json.enc",
    "FINNHUB_API_KEY": "belongs to screener_api.json.enc",
    "FLOAT_TARGET_PCT": "belongs to holdings_config.json.enc",
    "TAX_RESERVE_PCT": "belongs to holdings_config.json.enc",
    "PAYROLL_PCT": "belongs to holdings_config.json.enc",
    "REBALANCE_INTERVAL_MONTHS": "belongs to holdings_config.json.enc",
    "ALLOCATIONS": "belongs to holdings_config.json.enc",
}
"""Keys of the documents that live elsewhere, with where."""

_FIX = "correct them and run again; the templates in env/ explain every key"
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
_FIRST_WORD = re.compile(r"[ \t]*(?:export[ \t]+)?['\"]?([A-Z][A-Z0-9_]{0,63})\b")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_SUGGESTED = 8


@dataclass(slots=True)
class Reading:
    """What one source gave: values by attribute, lines by key, problems by line.

    Parameters
    ----------
    source
        Its name, for messages.
    known
        Attribute names by key.
    """

    source: str
    known: Mapping[str, str]
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    suggestions: int = 0

    def refuse(self, line: int, key: str, message: str) -> None:
        """Note a problem; line 0 stands for the source as a whole."""
        where = f"{self.source}:{line}" if line else self.source
        self.problems.append((line, Problem(where, message, key)))
        if key in self.known:
            self.unread.add(self.known[key])

    def refuse_unknown(self, line: int, key: str) -> None:
        """Note a key that the schema does not have; its value is never shown."""
        self.refuse(line, key[:64], self._unknown(key))

    def refusal(self) -> ConfigError:
        """Return the error that carries every problem, by line, those without a line last."""
        ordered = sorted(self.problems, key=lambda numbered: (numbered[0] == 0, numbered[0]))
        return refusal(self.source, [problem for _, problem in ordered])

    def _unknown(self, key: str) -> str:
        if key in ELSEWHERE:
            return f"is no key of this file: it {ELSEWHERE[key]}"
        if not _KEY.match(key.upper()):
            return "is not a key: keys are capitals, digits and _"
        self.suggestions += 1
        if self.suggestions > _SUGGESTED:
            return "is not a known key"
        near = difflib.get_close_matches(key.upper(), self.known, n=1)
        return f"is not a known key; did you mean {near[0]}?" if near else "is not a known key"


def refusal(source: str, problems: list[Problem]) -> ConfigError:
    """Return the error about a source, with its problems."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return ConfigError(f"{source}: {count} in the settings", problems=problems, fix=_FIX)


def decode(content: bytes, *, source: str) -> str:
    """Return the text of a settings file.

    Parameters
    ----------
    content
        The bytes of the file.
    source
        Its name, for messages.

    Returns
    -------
    str
        The text; a byte order mark stays in it and is refused by `read_lines`.

    Raises
    ------
    ConfigError
        If the bytes are too many or not UTF-8.
    """
    problem = _oversize(source, len(content))
    if problem is None:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            found = f"must be UTF-8, found byte 0x{content[error.start]:02x}"
            problem = Problem(f"{source}:{line}", found)
    refused = refusal(source, [problem])
    raise refused


def read_lines(text: str, *, source: str, known: Mapping[str, str]) -> Reading:
    """Return the values and problems of a text.

    Parameters
    ----------
    text
        The whole file.
    source
        Its name, for messages.
    known
        Attribute names by key.

    Returns
    -------
    Reading
        Values of the lines that are well formed, and what is wrong with the others.
    """
    reading = Reading(source, known)
    oversize = _oversize(source, len(text.encode(errors="surrogatepass")))
    if oversize is not None:
        reading.problems.append((0, oversize))
        reading.unread.update(known.values())
        return reading
    if text.startswith("\ufeff"):
        reading.refuse(1, "", "must not begin with a byte order mark")
        text = text[1:]
    for number, line in enumerate(text.split("\n"), start=1):
        if len(reading.lines) >= MAX_KEYS:
            reading.refuse(number, "", f"must hold at most {MAX_KEYS} keys")
            break
        _read_line(reading, number, line.removesuffix("\r"))
    return reading


def _read_line(reading: Reading, number: int, line: str) -> None:
    """Add the key of one line, or what is wrong with the line."""
    word = _FIRST_WORD.match(line[:MAX_LINE])
    key = word.group(1) if word else ""
    defect = _defect(line)
    if defect:
        reading.refuse(number, key, defect)
        return
    for binding in parse_stream(io.StringIO(line)):
        if binding.error:
            reading.refuse(number, key, "must be KEY=VALUE, quotes closed and nothing after them")
        elif binding.key is not None:
            _add(reading, number, line, binding.key, binding.value)


def _defect(line: str) -> str:
    """Return what no line may have, blank when this one has none of it."""
    if len(line) > MAX_LINE:
        return f"must have at most {MAX_LINE} characters, has {len(line)}"
    if control := _CONTROL.search(line):
        return f"must not hold control characters, found U+{ord(control.group()):04X}"
    code = line.partition("#")[0]
    stranger = next((letter for letter in code if not letter.isascii()), "")
    return f"must be ASCII outside comments, found U+{ord(stranger):04X}" if stranger else ""


def _add(reading: Reading, number: int, line: str, key: str, value: str | None) -> None:
    """Add a well-formed binding, or what is wrong with its key."""
    if not line.lstrip(" \t").startswith(key):
        reading.refuse(number, key[:64], "must be KEY=VALUE, no export, no quotes round the key")
        return
    first = reading.lines.setdefault(key, number)
    if first != number:
        reading.refuse(number, key[:64], f"must be set once, was set on line {first} already")
    elif key not in reading.known:
        reading.refuse_unknown(number, key)
    elif value is None:
        reading.refuse(number, key, "must be KEY=VALUE, found no '='")
    else:
        reading.values[reading.known[key]] = value


def _oversize(source: str, size: int) -> Problem | None:
    if size <= MAX_BYTES:
        return None
    return Problem(source, f"must have at most {MAX_BYTES} bytes, has {size}")
