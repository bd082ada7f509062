from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from rigd.market.stamps import BarStamp, StampReader, exchange_date, exchange_day, minute_of

NEW_YORK = ZoneInfo("America/New_York")
OPEN = 23_019_210  # 2013-10-07 13:30 UTC: 15985 days × 1440 + 810

SAME = [
    "2013-10-07T13:30:00Z",
    "2013-10-07 13:30:00+00:00",
    "2013-10-07T09:30:00-04:00",
    datetime(2013, 10, 7, 13, 30, tzinfo=UTC),
    datetime(2013, 10, 7, 15, 30, tzinfo=timezone(timedelta(hours=2))),
]


@pytest.mark.parametrize("stamp", SAME)
def test_an_instant_with_a_zone_is_read_in_any_form(stamp) -> None:
    """The same instant gives the same minute, however it is written."""
    reader = StampReader()
    assert reader.minute(stamp) == OPEN == 15_985 * 1440 + 13 * 60 + 30
    assert reader.minute(stamp) == OPEN


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2013-10-07T13:30:00", "must carry its zone"),
        ("2013-10-07", "must carry its zone"),
        (datetime(2013, 10, 7, 13, 30), "must carry its zone"),  # noqa: DTZ001 - the fault itself
        ("2013-10-07T13:30:01Z", "whole minute"),
        ("2013-10-07T13:30:00.5Z", "whole minute"),
        ("soon", "ISO 8601"),
        ("", "ISO 8601"),
        (None, "ISO 8601"),
        ("2013-02-30T13:30:00Z", "ISO 8601"),
        (20131007, "must carry its zone"),
    ],
)
def test_what_is_no_instant_is_refused(stamp, words) -> None:
    """A stamp that could mean two instants, or none, is never guessed."""
    with pytest.raises(ValueError, match=words):
        StampReader().minute(stamp)


def test_a_declared_zone_reads_local_times() -> None:
    """Naive stamps are read in the declared zone, summer and winter."""
    reader = StampReader(NEW_YORK)
    assert reader.minute("2013-10-07T09:30:00") == OPEN
    winter = datetime(2013, 12, 2, 14, 30, tzinfo=UTC)
    assert reader.minute("2013-12-02T09:30:00") == minute_of(winter)


@pytest.mark.parametrize("stamp", ["2013-11-03T01:30:00", "2013-03-10T02:30:00"])
def test_a_local_time_that_occurs_twice_or_never_is_refused(stamp) -> None:
    """At the change of clocks a local time is no instant."""
    with pytest.raises(ValueError, match="never or twice"):
        StampReader(NEW_YORK).minute(stamp)


def test_an_end_stamp_is_one_minute_after_the_start() -> None:
    """A bar stamped 09:31 at its end began at 09:30."""
    assert BarStamp("start").shift == 0
    assert BarStamp("end").shift == -1


@pytest.mark.parametrize(
    ("day", "first", "after"),
    [
        (date(2013, 10, 7), datetime(2013, 10, 7, 4, tzinfo=UTC), 24),
        (date(2011, 1, 3), datetime(2011, 1, 3, 5, tzinfo=UTC), 24),
        (date(2013, 11, 3), datetime(2013, 11, 3, 4, tzinfo=UTC), 25),
    ],
)
def test_an_exchange_day_runs_from_midnight_to_midnight_in_new_york(day, first, after) -> None:
    """The date of a bar is the exchange's date, also when clocks change."""
    begin, end = exchange_day(day)
    assert begin == minute_of(first)
    assert end - begin == after * 60
    assert exchange_date(begin) == exchange_date(end - 1) == day
    assert exchange_date(end) == day + timedelta(days=1)
