"""Read the time stamps of bars as whole minutes since 1970-01-01 00:00 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

EXCHANGE_ZONE = ZoneInfo("America/New_York")
"""The zone of XNYS, which gives a bar its exchange date."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class BarStamp(StrEnum):
    """What the stamp of a bar means (``--bar-stamp``)."""

    START = "start"
    END = "end"

    @property
    def shift(self) -> int:
        """Minutes to add to a stamp to get the bar's start."""
        return 0 if self is BarStamp.START else -1


class StampReader:
    """Turns stamps into minutes; remembers the texts it has seen, which repeat over symbols.

    Parameters
    ----------
    zone
        The zone of stamps that carry none; None refuses them.
    """

    __slots__ = ("_known", "_zone")

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone
        self._known: dict[object, int] = {}

    def minute(self, stamp: object) -> int:
        """Return the minutes from the epoch to a stamp.

        Parameters
        ----------
        stamp
            ISO 8601 text or a datetime, on a whole minute.

        Returns
        -------
        int
            Minutes since 1970-01-01 00:00 UTC.

        Raises
        ------
        ValueError
            If it is no instant, has no zone and none was declared, or is not on a minute; the
            message says which.
        """
        known = self._known.get(stamp)
        if known is not None:
            return known
        minute, rest = divmod(self._instant(stamp) - _EPOCH, _MINUTE)
        if rest:
            msg = f"a bar must be stamped on a whole minute, was {stamp}"
            raise ValueError(msg)
        self._known[stamp] = minute
        return minute

    def _instant(self, stamp: object) -> datetime:
        if isinstance(stamp, datetime):
            instant = stamp
        else:
            try:
                instant = datetime.fromisoformat(str(stamp))
            except ValueError:
                msg = f"time must be ISO 8601, was {stamp!r}"
                raise ValueError(msg) from None
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
        if self._zone is None:
            msg = f"time must carry its zone (a Z at the end means UTC), was {stamp!r}"
            raise ValueError(msg)
        return _localised(instant, self._zone)


def minute_of(instant: datetime) -> int:
    """Return the whole minutes from the epoch to an aware instant, rounded down."""
    return (instant - _EPOCH) // _MINUTE


def exchange_day(day: date) -> tuple[int, int]:
    """Return the minutes since the epoch at which an exchange date begins and ends.

    Parameters
    ----------
    day
        Date in EXCHANGE_ZONE.

    Returns
    -------
    tuple of int
        First minute of the date and of the next one.
    """
    first = datetime.combine(day, time(), EXCHANGE_ZONE)
    after = datetime.combine(day + timedelta(days=1), time(), EXCHANGE_ZONE)
    return minute_of(first), minute_of(after)


def exchange_date(minute: int) -> date:
    """Return the exchange date of a minute since the epoch."""
    return (_EPOCH + minute * _MINUTE).astimezone(EXCHANGE_ZONE).date()


def _localised(naive: datetime, zone: ZoneInfo) -> datetime:
    """Return a local time as an instant; one that occurs never or twice is refused."""
    first = naive.replace(tzinfo=zone)
    if first.utcoffset() != first.replace(fold=1).utcoffset():
        msg = f"local time occurs never or twice where clocks change, was {naive} {zone}"
        raise ValueError(msg)
    return first.astimezone(UTC)
