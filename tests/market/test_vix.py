from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.core.values import Reading
from rigd.market.vix import find_vix, read_vix
from tests.market.days import write
from tests.shared import shared_path


@pytest.mark.parametrize(
    ("day", "value", "dated"),
    [
        (date(2013, 10, 8), 19.41, date(2013, 10, 7)),
        (date(2013, 10, 7), 16.74, date(2013, 10, 4)),
        (date(2013, 10, 9), 20.34, date(2013, 10, 8)),
        (date(2014, 6, 6), 11.68, date(2014, 6, 5)),
        (date(2014, 6, 9), 10.73, date(2014, 6, 6)),
        (date(2014, 6, 10), 11.15, date(2014, 6, 9)),
    ],
)
def test_the_value_known_is_the_last_one_dated_before(day, value, dated) -> None:
    """Never the day's own row (data trap 3)."""
    history = read_vix(shared_path("data", "vix", "vix_daily.csv.gz"))
    assert history.before(day) == Reading(value, dated)


def test_a_missing_row_leaves_the_one_before_it() -> None:
    """There is no row on the session 1999-12-31: the next session sees an older one."""
    history = read_vix(shared_path("data", "vix", "vix_daily.csv.gz"))
    found = history.before(date(2000, 1, 3))
    assert found is not None
    assert found.dated == date(1999, 12, 30)


def test_before_the_first_row_nothing_is_known(tmp_path) -> None:
    """No value is not a value of zero."""
    history = read_vix(write(tmp_path / "v.csv", "Date,Close", "2013-10-07,19.41"))
    assert history.before(date(2013, 10, 7)) is None
    assert history.before(date(2013, 10, 8)) == Reading(19.41, date(2013, 10, 7))


@pytest.mark.parametrize(
    ("row", "where", "words"),
    [
        ("2013-10-08,nan", "v.csv:3", "finite and positive"),
        ("2013-10-08,0", "v.csv:3", "finite and positive"),
        ("2013-10-08,x", "v.csv:3", "could not convert"),
        ("2013-10-07,20", "v.csv:3", "must ascend"),
        ("2013-10-06,20", "v.csv:3", "must ascend"),
        ("10/08/2013,20", "v.csv:3", "isoformat"),
        ("2013-10-08", "v.csv:3", "2 fields"),
    ],
)
def test_a_broken_row_refuses_the_file(tmp_path, row, where, words) -> None:
    """A wrong VIX would open or close a gate."""
    path = write(tmp_path / "v.csv", "date,close", "2013-10-07,19.41", row)
    with pytest.raises(DataError) as caught:
        read_vix(path)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert words in problem.message


def test_a_missing_file_or_column_is_an_error(tmp_path) -> None:
    """The message says what is needed."""
    with pytest.raises(DataError, match="must exist") as caught:
        read_vix(tmp_path / "gone.csv")
    assert "date and close" in caught.value.fix
    with pytest.raises(DataError, match="column is missing"):
        read_vix(write(tmp_path / "v.csv", "date,open", "2013-10-07,19.41"))


def test_the_folder_of_data_may_hold_a_file(tmp_path) -> None:
    """It is looked for by its name and is optional."""
    assert find_vix(tmp_path) is None
    path = write(tmp_path / "vix" / "vix_daily.csv.gz", "date,close", "2013-10-07,19.41")
    assert find_vix(tmp_path) == path
