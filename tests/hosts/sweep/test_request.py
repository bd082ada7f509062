"""What is asked of a sweep."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.sweep.request import SweepRequest


def test_a_request_survives_json(request_of) -> None:
    """What is resumed is what was asked for."""
    asked = request_of()
    assert SweepRequest.from_fields(json.loads(json.dumps(asked.fields()))) == asked


def test_a_span_must_not_run_backwards(request_of) -> None:
    """Nor can a symbol have a negative number of entries."""
    with pytest.raises(ConfigError):
        request_of(start=request_of().end, end=request_of().start)
    with pytest.raises(ConfigError):
        request_of(entries_a_day=-1)
