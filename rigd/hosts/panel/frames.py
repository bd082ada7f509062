"""What a page may send over its socket: sound frames, of bounded number and size (FAULTS §4.7 S25).

jupyter_server believes the counts that a frame says of itself: eight bytes make it build a list
without end, in the loop that serves everybody. So a frame is measured before it is handed on, and
a page that sends too much loses its socket, before what it sent fills the memory of the machine.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock

V1: Final = "v1.kernel.websocket.jupyter.org"
"""The protocol whose frames are binary alone; the older one has none."""

MOST_PARTS: Final = 64
"""Parts of one message: five, and its buffers."""
CHANNELS: Final = frozenset({"shell", "control"})
"""Where a page says something; nobody is asked over `stdin`, and `iopub` is heard alone."""

MESSAGES_PER_S: Final = 200.0
BYTES_PER_S: Final = float(1 << 20)
BURST_S: Final = 10.0
"""What a page may send in the long run, and how many seconds' worth of it at once."""

_DICTIONARIES = ("header", "parent_header", "metadata", "content")


class FrameError(ValueError):
    """A frame is no message to a kernel."""


class Allowance:
    """How much one socket may still send, in messages and in bytes.

    Parameters
    ----------
    clock
        The control clock.
    """

    def __init__(self, clock: ControlClock) -> None:
        self._clock = clock
        self._at = clock.monotonic()
        self._messages = self._bytes = BURST_S

    def takes(self, size: int) -> bool:
        """Count one frame of a size in bytes; False when it is more than the page may send."""
        now = self._clock.monotonic()
        passed, self._at = now - self._at, now
        self._messages = min(BURST_S, self._messages + passed) - 1 / MESSAGES_PER_S
        self._bytes = min(BURST_S, self._bytes + passed) - size / BYTES_PER_S
        return self._messages >= 0.0 and self._bytes >= 0.0


def require_sound(frame: str | bytes, protocol: str | None) -> None:
    """Refuse what jupyter_server could not read, or would read without end.

    Parameters
    ----------
    frame
        As it came.
    protocol
        What the socket agreed on: `V1`, or another for the older one.

    Raises
    ------
    FrameError
        If its parts are not where it says, or it is no message to a kernel.
    """
    fields = _of_v1(frame) if protocol == V1 else _of_older(frame)
    channel, header = fields.get("channel"), fields.get("header")
    if not isinstance(channel, str) or channel not in CHANNELS:
        msg = f"a message must be for one of {sorted(CHANNELS)}, was for {channel!r:.40}"
        raise FrameError(msg)
    if not all(isinstance(fields.get(name), dict) for name in _DICTIONARIES):
        msg = f"a message must have {', '.join(_DICTIONARIES)}, this one has not"
        raise FrameError(msg)
    if not isinstance(header, dict) or not isinstance(header.get("msg_type"), str):
        msg = "a message's header must say its msg_type, this one does not"
        raise FrameError(msg)


def _of_v1(frame: str | bytes) -> dict[str, Any]:
    if isinstance(frame, str):
        msg = "a frame of this protocol must be binary, was text"
        raise FrameError(msg)
    channel, *parts = _parts(frame, 8, "little")[:-1] or [b""]
    fields = dict(zip(_DICTIONARIES, map(_json, parts), strict=False))
    return {"channel": channel.decode(errors="replace"), **fields}


def _of_older(frame: str | bytes) -> dict[str, Any]:
    text = _parts(frame, 4, "big")[0] if isinstance(frame, bytes) else frame
    fields = _json(text)
    return fields if isinstance(fields, dict) else {}


def _parts(frame: bytes, word: int, order: Literal["little", "big"]) -> list[bytes]:
    """Return the parts of a frame that begins with their count and their offsets."""
    count = int.from_bytes(frame[:word], order)
    head = word * (count + 1)
    if not 1 <= count <= MOST_PARTS or head > len(frame):
        msg = f"a frame must have 1 to {MOST_PARTS} parts and their offsets, says {count}"
        raise FrameError(msg)
    offsets = [int.from_bytes(frame[at : at + word], order) for at in range(word, head, word)]
    if offsets != sorted(offsets) or offsets[0] < head or offsets[-1] > len(frame):
        msg = "the parts of a frame must lie in it one after the other, these do not"
        raise FrameError(msg)
    return [frame[start:end] for start, end in pairwise([*offsets, len(frame)])]


def _json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"a message must be JSON, was not: {error!s:.60}"
        raise FrameError(msg) from error
