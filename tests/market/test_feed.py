from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError
from rigd.core.values import Bar, Reading, Reference
from rigd.market.feed import DayFeed, day_feed, open_feed
from rigd.market.files import BarFolder
from tests.market.days import FRIDAY, HEADER, MONDAY, TUESDAY, row, write
from tests.shared import shared_path

if TYPE_CHECKING:
    from rigd.core.ports import Feed


def bar(minute: int, price: float = 100.0) -> Bar:
    return Bar(minute, price, price, price, price, 10.0)


BARS = {"SPY": [bar(0), bar(2)], "IBM": [bar(0), bar(1), bar(2)]}


def feed(bars=None, **options) -> DayFeed:
    return DayFeed(MONDAY, bars or BARS, label="test", **options)


def test_slices_hold_the_bars_of_a_minute_in_the_order_of_symbols() -> None:
    """A minute without a trade of a symbol has no bar of it: nothing is filled forward."""
    slices = list(feed().slices())
    assert [(s.minute, list(s.bars)) for s in slices] == [
        (0, ["IBM", "SPY"]),
        (1, ["IBM"]),
        (2, ["IBM", "SPY"]),
    ]
    assert [s.start for s in slices] == [MONDAY.open + timedelta(minutes=m) for m in range(3)]
    assert slices[2].bars["SPY"] is BARS["SPY"][1]


def test_a_minute_without_any_bar_has_no_slice() -> None:
    """Slices are the minutes that have bars."""
    assert [s.minute for s in feed({"SPY": [bar(3), bar(389)]}).slices()] == [3, 389]


@pytest.mark.parametrize(("first", "minutes"), [(0, [0, 1, 2]), (1, [1, 2]), (2, [2]), (3, [])])
def test_slices_start_where_they_are_asked_to(first, minutes) -> None:
    """A session that resumes reads on from its minute."""
    assert [s.minute for s in feed().slices(first)] == minutes


def test_two_readers_do_not_disturb_each_other() -> None:
    """Each call starts anew."""
    one = feed()
    first, second = one.slices(), one.slices()
    assert next(first).minute == 0
    assert next(first).minute == 1
    assert next(second).minute == 0


def test_unknown_things_are_none() -> None:
    """Without references, quotes and VIX the feed says so."""
    one: Feed = feed()
    assert one.symbols == ("IBM", "SPY")
    assert one.reference("SPY") == Reference()
    assert one.spread("SPY", 0) is None
    assert one.vix(MONDAY.day) is None


def test_known_things_are_handed_on() -> None:
    """References and spreads by symbol and minute."""
    known = Reference(previous_close=99.0, previous_volume=1e6)
    one = feed(references={"SPY": known}, spreads={"SPY": {0: 0.001}})
    assert one.reference("SPY") == known
    assert one.spread("SPY", 0) == 0.001
    assert one.spread("SPY", 1) is None
    assert one.spread("IBM", 0) is None


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 0.0, -1.0])
def test_one_unsound_bar_makes_the_feed_say_so(price) -> None:
    """FAULTS M20: bars that were all sound when read are not looked at again, others are."""
    assert feed().sound
    assert not feed({"IBM": [bar(0)], "SPY": [bar(0), bar(1, price)]}).sound


@pytest.mark.parametrize("bars", [{}, {"SPY": []}])
def test_a_feed_without_bars_is_refused(bars) -> None:
    """A session on nothing is an error."""
    with pytest.raises(DataError, match="must have bars"):
        DayFeed(MONDAY, bars, label="test")


@pytest.mark.parametrize("minutes", [[1, 0], [0, 0], [-1, 0], [0, 390]])
def test_bars_that_do_not_ascend_inside_the_session_are_refused(minutes) -> None:
    """The engine relies on the order of time."""
    with pytest.raises(DataError, match="bars of SPY must ascend"):
        feed({"SPY": [bar(minute) for minute in minutes]})


def test_the_digest_depends_on_content_alone(tmp_path) -> None:
    """Another folder, file name or compression is the same data."""
    write(tmp_path / "a" / "SPY_trade_1.csv.gz", HEADER, row(0), row(1))
    write(tmp_path / "b" / "SPY.csv", HEADER, row(0), row(1), row(0, day=TUESDAY))
    one, other = open_feed(tmp_path / "a", MONDAY), open_feed(tmp_path / "b", MONDAY)
    assert one.digest == other.digest
    assert len(one.digest) == 64


CHANGES = {
    "a price": {"bars": {**BARS, "SPY": [bar(0), bar(2, 100.01)]}},
    "a minute": {"bars": {**BARS, "SPY": [bar(0), bar(3)]}},
    "a symbol": {"bars": {"SPX": BARS["SPY"], "IBM": BARS["IBM"]}},
    "a bar less": {"bars": {**BARS, "SPY": [bar(0)]}},
    "a reference": {"references": {"SPY": Reference(previous_close=99.0)}},
    "a spread": {"spreads": {"SPY": {0: 0.001}}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_changes_with_every_part_of_the_content(change) -> None:
    """Whatever a session may read is in the digest."""
    assert feed(**CHANGES[change]).digest != feed().digest
    assert feed(dict(reversed(BARS.items()))).digest == feed().digest


def test_the_digest_is_the_same_in_every_process() -> None:
    """A stored answer, worked out apart from the class: SHA-256 over the documented layout."""
    import hashlib  # noqa: PLC0415 - the independent calculation
    import struct  # noqa: PLC0415 - the independent calculation

    numbers = (0.0, 100.0, 100.0, 100.0, 100.0, 10.0)
    unknown = "Reference(previous_close=None, previous_volume=None, market_cap=None)"
    text = b"".join((
        b"rigd feed 1 2013-10-07 2013-10-07 13:30:00+00:00\n",
        f"SPY 1 0 {unknown}\n".encode(),
        struct.pack("<6d", *numbers),
        b"None\n",
    ))
    assert feed({"SPY": [bar(0)]}).digest == hashlib.sha256(text).hexdigest()


def test_a_real_folder_becomes_a_feed() -> None:
    """SPY, IBM and BAC on 2013-10-08: bars, spreads, references and the VIX known before."""
    one = open_feed(shared_path("data"), TUESDAY, ["SPY", "IBM", "BAC"], previous=MONDAY)
    assert one.symbols == ("BAC", "IBM", "SPY")
    slices = list(one.slices())
    assert [s.minute for s in slices] == list(range(390))
    assert one.vix(TUESDAY.day) == Reading(19.41, MONDAY.day)
    assert one.reference("SPY").previous_volume is not None
    spread = one.spread("SPY", 389)
    assert spread is not None
    assert 0 < spread < 0.001
    assert {d.symbol: d.kept for d in one.dropped} == {"SPY": 390, "IBM": 390, "BAC": 390}
    assert one.label == "minute bars from files"


def test_a_folder_read_once_gives_many_days() -> None:
    """A backtest over days gets the same feeds as one session at a time."""
    folder = BarFolder(shared_path("data"), ["SPY"])
    for day in (FRIDAY, MONDAY):
        alone = open_feed(shared_path("data"), day, ["SPY"], vix_file=None)
        many = day_feed(folder, day, label="x")
        assert many.label == "x"
        assert many.bars == alone.bars
        assert many.vix(day.day) is None


def test_a_vix_file_can_be_named(tmp_path) -> None:
    """Any csv with date and close serves."""
    write(tmp_path / "bars" / "SPY.csv", HEADER, row(0))
    path = write(tmp_path / "v.csv", "date,close", "2013-10-04,16.74")
    assert open_feed(tmp_path / "bars", MONDAY).vix(MONDAY.day) is None
    named = open_feed(tmp_path / "bars", MONDAY, vix_file=path)
    assert named.vix(MONDAY.day) == Reading(16.74, FRIDAY.day)


def test_a_bar_stamp_may_be_the_text_of_the_setting(tmp_path) -> None:
    """``end`` moves the bars one minute back."""
    write(tmp_path / "SPY.csv", HEADER, row(1))
    found = open_feed(tmp_path, MONDAY, bar_stamp="end")
    assert [b.minute for b in found.bars["SPY"]] == [0]


def test_reading_csv_imports_no_heavy_library(tmp_path) -> None:
    """A session starts fast: pandas, numpy and pyarrow stay out of the way of csv files."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    script = (
        "import sys; from pathlib import Path; from tests.market.days import MONDAY; "
        "from rigd.market.feed import open_feed; from rigd.market.sample import sample_feed; "
        f"open_feed(Path({str(tmp_path)!r}), MONDAY); "
        "print(sorted({'pandas', 'numpy', 'pyarrow', 'bokeh'} & sys.modules.keys()))"
    )
    found = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


def test_another_source_fills_in_what_the_feed_does_not_know() -> None:
    """The previous session's volume, else the universe's average (SPEC §3a.9); never its close."""
    own = feed(references={"SPY": Reference(previous_close=10.0, previous_volume=5.0)})
    known = {
        "SPY": Reference(previous_close=99.0, previous_volume=7.0, market_cap=3e9),
        "IBM": Reference(previous_close=99.0, previous_volume=8.0),
        "BAC": Reference(previous_volume=9.0),
    }
    filled = own.with_known(known)
    assert filled.reference("SPY") == Reference(
        previous_close=10.0, previous_volume=5.0, market_cap=3e9
    )
    assert filled.reference("IBM") == Reference(previous_volume=8.0)
    assert filled.reference("BAC") == Reference()
    assert filled.bars == own.bars
    assert filled.digest != own.digest
    assert own.with_known({}) is own
    assert filled.with_known(known) is filled
