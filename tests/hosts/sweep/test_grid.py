"""What a grid may say, and what it answers to a typo."""

from __future__ import annotations

import pytest

from rigd.config.schema import Settings
from rigd.core.errors import ConfigError
from rigd.hosts.sweep.grid import Axis, axes_from, keys_of, parse_axis, require_axes


def test_a_list_and_a_range() -> None:
    """Both ends of a range count, in decimal steps; off is a blank setting."""
    assert parse_axis("STOP_PCT_OPEN=0.01,off, 0.02") == Axis("STOP_PCT_OPEN", ("0.01", "", "0.02"))
    assert parse_axis("STRAT_OPEN_BUFFER=0:0.3:0.1").levels == ("0.0", "0.1", "0.2", "0.3")


def test_a_mapping_as_a_notebook_writes_it() -> None:
    """Numbers, None for off, a range as text, and one value alone."""
    axes = axes_from({"A": [0.1, None], "B": "1:3:1", "C": 5})
    assert axes == (Axis("A", ("0.1", "")), Axis("B", ("1", "2", "3")), Axis("C", ("5",)))


@pytest.mark.parametrize(
    "text", ["STOP", "=1", "A=1:0:1", "A=0:1:0", "A=0:1:x", "A=0:1:0.00001", "A=nan:1:1"]
)
def test_another_form_is_refused(text) -> None:
    """Neither a key without values nor a range that does not run upwards."""
    with pytest.raises(ConfigError):
        parse_axis(text)


def test_a_typo_is_answered_with_the_nearest_key() -> None:
    """``did you mean`` for a key and for a strategy."""
    with pytest.raises(ConfigError, match="did you mean STOP_PCT_OPEN"):
        require_axes("open", [Axis("STOP_PTC_OPEN", ("0.1",))])
    with pytest.raises(ConfigError, match="did you mean close"):
        keys_of("clse")


@pytest.mark.parametrize(
    "axes",
    [
        [],
        [Axis("STOP_PCT_OPEN", ())],
        [Axis("STOP_PCT_OPEN", ("1", "1"))],
        [Axis("STOP_PCT_OPEN", ("1",)), Axis("STOP_PCT_OPEN", ("2",))],
        [Axis("STOP_PCT_MID", ("1",))],
        [
            Axis("STOP_PCT_OPEN", tuple(map(str, range(4000)))),
            Axis("TARGET_PCT_OPEN", tuple(map(str, range(4000)))),
        ],
    ],
)
def test_a_grid_must_make_sense(axes) -> None:
    """At least one key, each once, of this strategy, with values, within memory."""
    with pytest.raises(ConfigError):
        require_axes("open", axes)


@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_every_key_is_a_setting(strategy) -> None:
    """The keys of a grid are keys of the settings."""
    fields = {name.upper() for name in Settings.model_fields}
    assert set(keys_of(strategy).all) <= fields


def test_one_text_is_the_whole_grid() -> None:
    """As the notebook's parameter writes it, with ``;`` between the keys."""
    assert axes_from("A=0.1,off; B=1:3:1;") == axes_from(["A=0.1,off", "B=1:3:1"])


def test_more_keys_are_known_where_they_mean_something() -> None:
    """A key of the account is refused unless it is named."""
    axes = (Axis("MAX_OPEN_POSITIONS", ("1",)),)
    require_axes("open", axes, ("MAX_OPEN_POSITIONS",))
    with pytest.raises(ConfigError, match="MAX_OPEN_POSITIONS"):
        require_axes("open", axes)
