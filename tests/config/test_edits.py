"""A settings text keeps its comments when values change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rigd.config.demo import demo_env_text
from rigd.config.edits import with_values
from rigd.config.parse import KNOWN, override, parse_env
from rigd.core.errors import ConfigError

TEXT = "# head\nMAX_TRADES=4 # four\nMAX_PRICE = 300\n# MAX_PRICE=1\n\nWEIGHTS=0.4,0.2,0.2,0.2\n"


def test_values_change_and_comments_stay() -> None:
    """The key's own line changes; comments, blank lines and the order do not."""
    assert with_values(TEXT, {"MAX_TRADES": "1", "MAX_PRICE": "250", "WEIGHTS": "1"}) == (
        "# head\nMAX_TRADES=1 # four\nMAX_PRICE=250\n# MAX_PRICE=1\n\nWEIGHTS=1\n"
    )


def test_a_key_that_is_not_there_is_appended() -> None:
    """A default that was never written gets a line of its own."""
    assert with_values(TEXT, {"FRACTIONAL": "false"}) == TEXT + "FRACTIONAL=false\n"
    assert with_values("A=1", {}) == "A=1\n"


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), st.integers(0, 9).map(str), max_size=4))
def test_the_new_text_reads_as_the_changed_settings(values: dict[str, str]) -> None:
    """Whatever valid change is made, the text gives exactly the overridden settings."""
    before = parse_env(demo_env_text(), source="x")
    try:
        wanted = override(before, values)
    except ConfigError:
        return
    texts = {key: value for key, value in wanted.public_items() if key in values}
    assert parse_env(with_values(demo_env_text(), texts), source="x") == wanted
