"""Real data and reference values that lie in the folder `shared` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(*parts: str) -> Path:
    """Return a path below `shared`; skip the test without it, but fail it under CI."""
    path = SHARED.joinpath(*parts)
    if path.exists():
        return path
    reason = f"needs {Path('..', 'shared', *parts)} beside the repository"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(reason)
    pytest.skip(reason)
