"""Tests of VERSION_TAG against VERSION.md."""

from __future__ import annotations

import pytest

from rigd.config.release import newest_version, require_version
from rigd.core.errors import ConfigError
from tests.config.settings import made

NOTES = "# Versions\n\nNewest first.\n\n## 0.1.0 (2026-11-20)\n\n- First.\n\n## 0.0.9\n"


def test_the_newest_version_is_the_first_heading_with_a_number() -> None:
    """Titles without a number are passed over; v and brackets are allowed."""
    assert newest_version(NOTES) == "0.1.0"
    assert newest_version("# v1.2.3rc1\n") == "1.2.3rc1"
    assert newest_version("## [2.0.0] - 2026\n") == "2.0.0"


def test_notes_without_a_version_are_refused() -> None:
    """VERSION.md must name a version."""
    with pytest.raises(ConfigError, match="heading"):
        newest_version("nothing 1.0.0 here")


def test_settings_of_another_version_are_refused() -> None:
    """A changed VERSION_TAG or VERSION.md is fatal and names the key."""
    require_version(made(), NOTES)
    for settings, notes in (
        (made(), NOTES.replace("0.1.0", "0.2.0")),
        (made(build_mode="debug").model_copy(update={"version_tag": "0.0.9"}), NOTES),
    ):
        with pytest.raises(ConfigError) as caught:
            require_version(settings, notes)
        assert caught.value.problems[0].key == "VERSION_TAG"
