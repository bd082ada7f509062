"""Text forms of setting values: strict readers, one writer, and the marks that a key carries."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from rigd.config.choices import AlertChannel, Weekday
from rigd.core.money import plain
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.config import JsonDict

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?\Z")
_PLACES = 12
_DIGITS = 18
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}(?:[a-z0-9.+-]{1,16})?\Z")
_START = re.compile(
    r"(?:open\+[0-9]{1,3}m|close-[0-9]{1,3}m|(?:[01][0-9]|2[0-3]):[0-5][0-9](?: ET|Z))\Z",
)


def key(
    default: object,
    text: str,
    *,
    group: str,
    boot_only: bool = False,
    test_only: bool = False,
    **limits: Any,  # noqa: ANN401 - handed on to pydantic's Field, which checks it
) -> Any:  # noqa: ANN401 - a field specifier stands for a value of any type
    """Return the definition of one settings key.

    Parameters
    ----------
    default
        The default value; ``...`` when the key is required.
    text
        What the key means, one line: the comment of the generated templates.
    group
        The heading that the key stands under.
    boot_only
        Whether a change takes effect only at the next start.
    test_only
        Whether the key belongs to the simulated broker alone.
    **limits
        Limits of the value, as pydantic names them (``ge``, ``gt``, ``le``, ``lt``).

    Returns
    -------
    Any
        A pydantic field.
    """
    marks: JsonDict = {"group": group, "boot_only": boot_only, "test_only": test_only}
    return Field(default, description=text, json_schema_extra=marks, **limits)


def _refuse(message: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{text}", {"text": message})


def whole(value: object) -> object:
    """Return the integer that a text in ASCII digits names; other values pass unread."""
    if not isinstance(value, str):
        return value
    if not _WHOLE.match(value):
        raise _refuse("must be a whole number such as 20")
    return int(value)


def _decimal(text: str) -> Decimal:
    """Return the decimal that a text names, such that `as_text` can write it back."""
    if not _NUMBER.match(text):
        raise _refuse("must be a finite number such as 0.02")
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PLACES or number.adjusted() >= _DIGITS:
        raise _refuse(f"must have at most {_PLACES} decimal places and {_DIGITS} digits before")
    return number


def real(value: object) -> object:
    """Return the finite float that a text names; other values pass unread."""
    return float(_decimal(value)) if isinstance(value, str) else value


def exact(value: object) -> object:
    """Return the decimal that a text names; other values pass unread."""
    return _decimal(value) if isinstance(value, str) else value


def flag(value: object) -> object:
    """Return the truth that ``true`` or ``false`` names; other values pass unread."""
    if not isinstance(value, str):
        return value
    try:
        return {"true": True, "false": False}[value.lower()]
    except KeyError:
        raise _refuse("must be true or false") from None


def version(value: object) -> object:
    """Return a version such as ``0.1.0``."""
    if isinstance(value, str) and _VERSION.match(value):
        return value
    raise _refuse("must be a version such as 0.1.0, equal to the newest one in VERSION.md")


def time_zone(value: object) -> object:
    """Return a name that the time zone database knows."""
    if isinstance(value, str):
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise _refuse("must be a time zone such as America/New_York")


def start_time(value: object) -> object:
    """Return the text of a window's start, in one of the four forms of SPEC §2."""
    if isinstance(value, str) and _START.match(value):
        return value
    raise _refuse("must be open+20m, close-26m, 12:00 ET or 16:00Z")


def split(value: object) -> object:
    """Return the parts of a comma-separated text, stripped; a blank text has none."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",")) if value else ()


def weights(value: object) -> object:
    """Return decimals from a comma-separated text."""
    parts = split(value)
    return tuple(exact(part) for part in parts) if isinstance(parts, tuple) else parts


def weekdays(value: object) -> object:
    """Return weekdays from ``mon,tue`` or the range ``mon..fri``."""
    if not isinstance(value, str):
        return value
    names = [day.value for day in Weekday]
    first, dots, last = (part.strip() for part in value.partition(".."))
    if dots and first in names and last in names and names.index(first) <= names.index(last):
        return tuple(names[names.index(first) : names.index(last) + 1])
    parts = split(value)
    if not isinstance(parts, tuple) or not parts or not set(parts) <= set(names):
        raise _refuse("must be weekdays such as mon,tue,wed,thu,fri or mon..fri")
    if len(set(parts)) < len(parts):
        raise _refuse("must name each weekday once")
    return tuple(name for name in names if name in parts)


def strategies(value: object) -> object:
    """Return strategy names, each known and named once."""
    parts = split(value)
    if not isinstance(parts, tuple) or not parts or not set(parts) <= set(STRATEGIES):
        raise _refuse(f"must be names out of {', '.join(STRATEGIES)}, such as open,mid,close")
    if len(set(parts)) < len(parts):
        raise _refuse("must name each strategy once")
    return parts


def strategy(value: object) -> object:
    """Return one known strategy name."""
    if value not in STRATEGIES:
        raise _refuse(f"must be one of {', '.join(STRATEGIES)}, or blank")
    return value


def optional(read: Callable[[object], object]) -> Callable[[object], object]:
    """Return a reader to which a blank text is None."""

    def read_unless_blank(value: object) -> object:
        return None if value is None or value == "" else read(value)

    return read_unless_blank


def as_text(value: object) -> str:
    """Return a setting as the text that reads back as the same value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return ",".join(as_text(part) for part in value)
    if isinstance(value, float):
        return plain(Decimal(repr(value)))
    return plain(value) if isinstance(value, Decimal) else str(value)


Whole = Annotated[int, BeforeValidator(whole)]
Real = Annotated[float, BeforeValidator(real)]
OptionalReal = Annotated[float | None, BeforeValidator(optional(real))]
Exact = Annotated[Decimal, BeforeValidator(exact)]
OptionalExact = Annotated[Decimal | None, BeforeValidator(optional(exact))]
Flag = Annotated[bool, BeforeValidator(flag)]
Version = Annotated[str, BeforeValidator(version)]
TimeZone = Annotated[str, BeforeValidator(time_zone)]
StartTime = Annotated[str, BeforeValidator(start_time)]
Weights = Annotated[tuple[Exact, ...], BeforeValidator(weights)]
Weekdays = Annotated[tuple[str, ...], BeforeValidator(weekdays)]
Strategies = Annotated[tuple[str, ...], BeforeValidator(strategies)]
OptionalStrategy = Annotated[str | None, BeforeValidator(optional(strategy))]
OptionalChannel = Annotated[AlertChannel | None, BeforeValidator(optional(lambda text: text))]
