"""Keys from a variable or a file in memory."""

from __future__ import annotations

import stat

import pytest

from rigd.core.errors import SecretError
from rigd.vault.given import FILE_VARIABLE, VARIABLE, given_key, kind_of
from rigd.vault.keys import new_key

KEY = new_key()
MOUNTS = "/dev/sda / ext4 rw 0 0\ntmpfs /run/keys tmpfs rw 0 0\ntmpfs /my\\040keys tmpfs rw 0 0\n"


def found(variables, *, mode=stat.S_IFREG | 0o600, text=None):
    return given_key(
        variables,
        read=lambda _: KEY.text() if text is None else text,
        mode_of=lambda _: mode,
        mounts=lambda: MOUNTS,
    )


def test_nothing_is_handed_in_by_default() -> None:
    """Then the key lies in its file."""
    assert found({"HOME": "/root"}) is None


def test_a_variable_or_a_file_in_memory() -> None:
    """Both hold the text of a key file."""
    assert found({VARIABLE: KEY.text().decode()}) == KEY
    assert found({FILE_VARIABLE: "/run/keys/rigd.key"}) == KEY
    assert found({FILE_VARIABLE: "/my keys/rigd.key"}) == KEY


@pytest.mark.parametrize(
    ("variables", "more", "told"),
    [
        ({VARIABLE: "canary-no-key"}, {}, "must hold base64 of 32 bytes"),
        ({VARIABLE: "x", FILE_VARIABLE: "/run/keys/k"}, {}, "both are set"),
        ({FILE_VARIABLE: "/etc/rigd.key"}, {}, "found one on ext4"),
        ({FILE_VARIABLE: "/run/keysx/rigd.key"}, {}, "found one on ext4"),
        ({FILE_VARIABLE: "/run/keys/k"}, {"mode": stat.S_IFREG | 0o640}, "0600 or stricter"),
        ({FILE_VARIABLE: "/run/keys/k"}, {"mode": stat.S_IFLNK | 0o600}, "0600 or stricter"),
        ({FILE_VARIABLE: "/run/keys/k"}, {"text": b"canary-no-key"}, "must hold base64"),
    ],
)
def test_others_are_refused(variables, more, told) -> None:
    """The reason, and nothing of what was found."""
    with pytest.raises(SecretError, match=told) as refused:
        found(variables, **more)
    assert "canary" not in str(refused.value)


def test_no_mount_at_all() -> None:
    """An empty table names nothing."""
    assert not kind_of("/run/keys/x", "")
