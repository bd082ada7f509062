"""The published universe as a file, the filter that makes it, and what changed between two."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.clock import from_iso, iso
from rigd.core.errors import DataError, LogicError, TamperError
from rigd.core.money import plain
from rigd.core.universe import DETAIL_NAMES, Details, Member, Universe
from rigd.screener.criteria import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from rigd.screener.criteria import Criteria

FORMAT = 1
NOT_LISTED = "not_listed"
BLOCKLISTED = "blocklisted"
NO_DETAILS = "no_details"


class Known(NamedTuple):
    """What was fetched of a symbol, and from whom."""

    details: Details
    provider: str


def detail_fields(details: Details) -> dict[str, Any]:
    """Return what is known of a symbol as JSON: the price as a text, unknown numbers left out."""
    fields: dict[str, Any] = {}
    for name in DETAIL_NAMES:
        value = getattr(details, name)
        if value is not None:
            fields[name] = plain(value) if isinstance(value, Decimal) else value
    return fields


def details_of(fields: Mapping[str, Any]) -> Details:
    """Return what `detail_fields` wrote; names beside those of `Details` are ignored."""
    values = {name: fields[name] for name in DETAIL_NAMES if name in fields}
    if "price" in values:
        values["price"] = Decimal(values["price"])
    return Details(**values)


def select(
    listed: Iterable[str],
    blocked: Iterable[str],
    known: Mapping[str, Known],
    criteria: Criteria,
) -> tuple[dict[str, Member], dict[str, str]]:
    """Return the members and, of the others, the rule that each broke.

    Parameters
    ----------
    listed
        Every symbol of the market.
    blocked
        The symbols of the blocklist.
    known
        What was fetched.
    criteria
        The thresholds.

    Returns
    -------
    tuple of two dict
        Members and rejections by symbol, in alphabetical order.
    """
    members: dict[str, Member] = {}
    rejected: dict[str, str] = {}
    shut = frozenset(blocked)
    for symbol in sorted(listed):
        found = known.get(symbol)
        if symbol in shut:
            rejected[symbol] = BLOCKLISTED
        elif found is None:
            rejected[symbol] = NO_DETAILS
        else:
            judged = judge(found.details, criteria)
            if judged.reason:
                rejected[symbol] = judged.reason
            else:
                members[symbol] = Member(found.details, found.provider, judged.warned)
    return members, rejected


def encode(
    *,
    stamp: str,
    origin: str,
    built_at: datetime,
    day: date,
    dated: date,
    criteria: Mapping[str, str],
    members: Mapping[str, Member],
    rejected: Mapping[str, str],
) -> bytes:
    """Return a universe as its published file: JSON with one member a line.

    Parameters
    ----------
    stamp, origin, built_at, day, dated, criteria, members, rejected
        As in `Universe`, whose version is made here.

    Returns
    -------
    bytes
        The same bytes for the same values.
    """
    reasons: dict[str, list[str]] = {}
    for symbol, reason in rejected.items():
        reasons.setdefault(reason, []).append(symbol)
    head = {
        "format": FORMAT,
        "stamp": stamp,
        "origin": origin,
        "built_at": iso(built_at),
        "day": day.isoformat(),
        "dated": dated.isoformat(),
        "criteria": dict(criteria),
        "counts": {"members": len(members), "rejected": len(rejected)},
    }
    lines = [f"{_text(name)}: {_text(value)}" for name, value in head.items()]
    rows = ",\n".join(_text(_row(symbol, member)) for symbol, member in members.items())
    lines.append(f'"symbols": [\n{rows}\n]' if rows else '"symbols": []')
    shut = ",\n".join(f"{_text(reason)}: {_text(reasons[reason])}" for reason in sorted(reasons))
    lines.append('"rejected": {\n' + shut + "\n}" if shut else '"rejected": {}')
    body = ",\n".join(lines)
    version = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"version": "{version}",\n{body}\n}}\n'.encode()


def decode(content: bytes) -> Universe:
    """Return the universe that `encode` wrote.

    Parameters
    ----------
    content
        The published file.

    Returns
    -------
    Universe
        Its version was recomputed and is right.

    Raises
    ------
    DataError
        If it has another form.
    TamperError
        If a byte was changed since.
    """
    try:
        fields = json.loads(content)
        universe = _universe(fields)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, LogicError) as error:
        msg = f"a universe must be what rigd published, found {error!r}"
        raise DataError(msg, fix="rigd universe build") from error
    _, _, body = content.decode().partition("\n")
    if hashlib.sha256(body.removesuffix("\n}\n").encode()).hexdigest() != universe.version:
        msg = f"the universe {universe.stamp} must be as it was published, it was changed"
        raise TamperError(msg, fix="rigd universe refilter publishes it anew")
    return universe


class Change(NamedTuple):
    """One symbol that differs between two universes: ``added``, ``removed`` or ``changed``."""

    kind: str
    symbol: str
    reason: str


class Diff(NamedTuple):
    """What differs between two universes, each in alphabetical order of the symbols."""

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    changed: tuple[Change, ...]


def diff(old: Universe, new: Universe) -> Diff:
    """Return what changed from one universe to another.

    Parameters
    ----------
    old, new
        Two universes.

    Returns
    -------
    Diff
        Added: with the rule that kept it out before, or that it was not listed. Removed: with the
        rule that keeps it out now, or that it is listed no more. Changed: members of both whose
        numbers differ, each as ``name old → new``.
    """
    added = tuple(
        Change("added", symbol, f"was {old.rejected.get(symbol, NOT_LISTED)}")
        for symbol in new.members
        if symbol not in old.members
    )
    removed = tuple(
        Change("removed", symbol, new.rejected.get(symbol, NOT_LISTED))
        for symbol in old.members
        if symbol not in new.members
    )
    changed = tuple(
        Change("changed", symbol, text)
        for symbol in old.members
        if symbol in new.members
        and (text := _moved(old.members[symbol].details, new.members[symbol].details))
    )
    return Diff(added, removed, changed)


def _moved(old: Details, new: Details) -> str:
    return ", ".join(
        f"{name} {_shown(before)} → {_shown(after)}"
        for name in DETAIL_NAMES
        if (before := getattr(old, name)) != (after := getattr(new, name))
    )


def _shown(value: Decimal | float | None) -> str:
    if value is None:
        return "unknown"
    return plain(value) if isinstance(value, Decimal) else f"{value:.6g}"


def _row(symbol: str, member: Member) -> dict[str, Any]:
    row = {"symbol": symbol, **detail_fields(member.details), "provider": member.provider}
    return row | {"warned": list(member.warned)} if member.warned else row


def _universe(fields: Mapping[str, Any]) -> Universe:
    if fields["format"] != FORMAT:
        msg = f"format must be {FORMAT}, was {fields['format']!r}"
        raise ValueError(msg)
    members = {
        row["symbol"]: Member(details_of(row), row["provider"], tuple(row.get("warned", ())))
        for row in fields["symbols"]
    }
    rejected = {
        symbol: reason for reason, symbols in fields["rejected"].items() for symbol in symbols
    }
    return Universe(
        version=str(fields["version"]),
        stamp=str(fields["stamp"]),
        origin=str(fields["origin"]),
        built_at=from_iso(fields["built_at"]),
        day=date.fromisoformat(fields["day"]),
        dated=date.fromisoformat(fields["dated"]),
        criteria={str(name): str(text) for name, text in fields["criteria"].items()},
        members=members,
        rejected=rejected,
    )


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=False)
