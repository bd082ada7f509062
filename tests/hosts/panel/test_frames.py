"""What a page sends is measured before it is read."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.hosts.panel.frames import V1, Allowance, FrameError, require_sound
from tests.fakes.clock import FakeClock

MESSAGE = {
    "header": {"msg_id": "1", "msg_type": "comm_msg", "session": "s", "username": "u"},
    "parent_header": {},
    "metadata": {},
    "content": {"comm_id": "c", "data": {}},
}
OLDER = MESSAGE | {"channel": "shell", "buffers": []}


def v1(*parts: bytes, channel: bytes = b"shell") -> bytes:
    """A frame of the newer protocol, as JupyterLab writes it."""
    head = 8 * (len(parts) + 3)
    offsets = [head]
    for part in (channel, *parts):
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + channel + b"".join(parts)


def older(*parts: bytes) -> bytes:
    """A frame of the older protocol with buffers."""
    offsets = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"!{len(parts) + 1}I", len(parts), *offsets) + b"".join(parts)


FOUR = [json.dumps(part).encode() for part in MESSAGE.values()]


@pytest.mark.parametrize(
    ("frame", "protocol"),
    [
        (v1(*FOUR), V1),
        (v1(*FOUR, b"a buffer", b""), V1),
        (v1(*FOUR, channel=b"control"), V1),
        (json.dumps(OLDER), None),
        (older(json.dumps(OLDER).encode()), None),
        (older(json.dumps(OLDER).encode(), b"a buffer"), None),
    ],
)
def test_what_a_page_sends_is_sound(frame, protocol) -> None:
    """Both protocols, with buffers and without."""
    require_sound(frame, protocol)


@pytest.mark.parametrize(
    ("frame", "protocol"),
    [
        (b"\xff" * 8, V1),
        (struct.pack("<Q", 60_000_000), V1),
        (struct.pack("<QQ", 1, 16), V1),
        (struct.pack("<7Q", 6, 56, 56, 56, 56, 56, 1 << 60), V1),
        (v1(*FOUR)[:-1], V1),
        (v1(*FOUR[:3]), V1),
        (v1(*[b"x"] * 80), V1),
        (v1(b"[" * 100_000, *FOUR[1:]), V1),
        (v1(b'{"msg_type": ["x"]}', *FOUR[1:]), V1),
        (v1(*FOUR, channel=b"iopub"), V1),
        (v1(*FOUR, channel=b"\xff"), V1),
        (json.dumps(OLDER), V1),
        (b"", V1),
        (b"", None),
        ("", None),
        (struct.pack("!i", 500_000_000), None),
        (struct.pack("!i", -1), None),
        (older(json.dumps(OLDER).encode())[:-1], None),
        ("[" * 100_000, None),
        ("null", None),
        ("[]", None),
        (json.dumps(OLDER | {"channel": "stdin"}), None),
        (json.dumps(OLDER | {"channel": ["shell"]}), None),
        (json.dumps(OLDER | {"channel": None}), None),
        (json.dumps(OLDER | {"header": []}), None),
        (json.dumps(OLDER | {"header": {"msg_type": None}}), None),
        (json.dumps(OLDER | {"content": None}), None),
    ],
)
def test_what_says_more_of_itself_than_it_is_is_refused(frame, protocol) -> None:
    """S25: eight bytes that promise 2**64 parts cost nothing."""
    with pytest.raises(FrameError, match=r"^(a|the) (frame|message|parts)"):
        require_sound(frame, protocol)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.sampled_from([V1, None]))
def test_no_frame_raises_anything_else(frame, protocol) -> None:
    """S02: whatever comes, the socket ends and the server goes on."""
    try:
        require_sound(frame, protocol)
    except FrameError:
        return
    pytest.fail(f"random bytes are no message: {frame!r}")


def test_a_page_may_send_a_burst_and_then_a_stream() -> None:
    """S25: 2,000 messages at once, then 200 a second; 10 MiB at once, then 1 MiB a second."""
    clock = FakeClock()
    small = Allowance(clock)
    assert sum(small.takes(0) for _ in range(2500)) == pytest.approx(2000, abs=1)
    clock.advance(4.0)
    assert sum(small.takes(0) for _ in range(500)) == pytest.approx(300, abs=1)
    large = Allowance(clock)
    assert sum(large.takes(1 << 20) for _ in range(12)) == 10
    clock.advance(60.0)
    assert large.takes(9 << 20)
