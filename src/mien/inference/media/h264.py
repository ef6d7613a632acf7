"""Deterministic damage marks from FFmpeg's H.264 decoder when it decodes several frames at once.

The decoder copies the mark of a damaged frame when it outputs the frame.  With frame threads that can happen before the
thread that decodes the frame has reached the damage, and the mark is lost.  Two measures keep the marks without slower
decoding:

- a deeper reorder buffer: a frame leaves it only after its thread has started a later packet (`defer_output`);
- packets without an image before draining: each waits until one thread has finished its frame (`idle_packets`).
"""

import os
from collections.abc import Iterator
from typing import Any

import av

MAX_DEPTH = 16  # frames that H.264, and FFmpeg's decoder, allow in the reorder buffer
MAX_THREADS = 16  # that FFmpeg starts when it may choose
DELIMITER = b"\x09\xf0"  # an access unit delimiter, a NAL unit without an image (H.264, 7.3.2.4)


def defer_output(context: Any) -> None:
    """Deepen the reorder buffer of a decoder, before it is opened, by one frame for every thread."""
    threads = min(MAX_THREADS, (os.cpu_count() or 1) + 1)
    context.reorder_depth = min(MAX_DEPTH, context.reorder_depth + threads)


def idle_packets(context: Any) -> Iterator[Any]:
    """Yield packets without an image, one for every thread of an open decoder, which accepts them silently."""
    context.skip_frame = "NONREF"  # else a packet without an image is an error
    lengths = length_size(context.extradata or b"", 4)
    head = len(DELIMITER).to_bytes(lengths, "big") if lengths else b"\0\0\0\1"
    for _ in range(context.thread_count):
        yield av.Packet(head + DELIMITER)


def length_size(extradata: bytes, at: int) -> int:
    """Return how many bytes hold the length of a NAL unit, 0 where start codes separate the units.

    `at` is the byte of the decoder configuration that holds it: 4 in H.264, 21 in HEVC (ISO/IEC 14496-15).
    """
    return (extradata[at] & 3) + 1 if len(extradata) > at + 1 and extradata[0] == 1 else 0
