"""A message of the broker's API, as it is kept."""

from __future__ import annotations

from datetime import datetime

import pytest

from rigd.core.api_messages import ApiKind, ApiMessage
from rigd.core.errors import LogicError


def test_a_message_has_an_instant_in_utc() -> None:
    """L42: no row can be made of an instant without a zone."""
    with pytest.raises(LogicError):
        ApiMessage(
            at=datetime(2013, 10, 7),  # noqa: DTZ001 - what is refused
            kind=ApiKind.REQUEST,
            call="account",
            number=1,
            body={},
        )


def test_the_kinds_are_named_as_the_rows_show_them() -> None:
    """A reader of the log filters by these three words."""
    assert [kind.value for kind in ApiKind] == ["api_request", "api_response", "api_event"]
