"""The decoder of a video stream, set so that damage inside packets is noticed where it can be.

Decoders differ in what they notice.  Most, told to stop at errors (err_detect), do.  libvpx reads VP9 about as fast as
FFmpeg's own decoder and sees where a frame reads beyond its data, which that one does not.  dav1d checks how AV1's
symbols end when it is strict.  FFmpeg's HEVC and VP8 decoders notice next to nothing; in HEVC at least the byte
patterns that cannot be in a packet are looked for here.  docs/limits.md has what was measured.
"""

import re
from collections.abc import Iterator
from typing import Any

import av

from mien.inference.media import h264
from mien.inference.media.geometry import UPRIGHT, turn_of

CAREFUL = {"err_detect": "crccheck+bitstream+buffer+explode"}
MARKS = frozenset(("h264",))  # marks the frames that are damaged, and would give up those of an intra refresh
MOST_PIXELS = 2**31 - 1  # that FFmpeg lets a limit be
INSTEAD = {"vp9": "libvpx-vp9"}  # a decoder that notices more, where this FFmpeg has it
STRICT = frozenset(("libdav1d",))
MOST_HELD = 64_000_000  # bytes of packets kept until it is known that the careful decoder reads the file
# emulation prevention (H.265, 7.4.2.1) keeps these out of a NAL unit, and out of the bytes between start codes
FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
BETWEEN = re.compile(rb"\x00\x00(?:\x02|\x00[\x02-\xff])")


class Decoder:
    """Decodes the packets of a stream.

    An encoder may end its symbols in a way that strictness refuses.  Where a careful decoder reads no frame of the
    first two groups of images, they are read again by the plain one.
    """

    def __init__(self, stream: Any, most_pixels: int) -> None:
        self._options = {"max_pixels": str(min(most_pixels, MOST_PIXELS))}
        self._plain = stream.codec_context
        self._context = self._careful()
        self._turn: tuple[int, ...] | None = UPRIGHT if self._context is self._plain else None
        self._lengths = _length_size(self._plain)
        self._held: list[Any] = []
        self._keys, self._sure = 0, self._plain.name not in STRICT

    def decode(self, packet: Any) -> Iterator[Any]:
        """Yield the frames that a packet completes, and None where something could not be read."""
        if self._turn is None and packet.is_keyframe:
            self._learn_turn(packet)
        frames = self._decoded(packet)
        if self._sure:
            yield from frames
        else:
            yield from self._tried(packet, frames)
        if self._lengths is not None and packet.size and not _possible(bytes(packet), self._lengths):
            yield None

    def _decoded(self, packet: Any) -> list[Any]:
        if not packet.size and self._context.name in MARKS and self._context.is_open:
            idle = h264.idle_packets(self._context)
            return [frame for last in (*idle, packet) for frame in self._attempt(last)]
        return self._attempt(packet)

    def _attempt(self, packet: Any) -> list[Any]:
        try:
            return list(self._context.decode(packet))
        except av.error.FFmpegError:
            return [None]

    def turn(self, frame: Any) -> tuple[int, ...]:
        """Return how a frame is to be turned, one of geometry.EIGHT."""
        return turn_of(frame) if self._context is self._plain else self._turn or UPRIGHT

    def flush(self) -> None:
        """Forget what was read, before reading from elsewhere."""
        self._context.flush_buffers()
        self._context.skip_frame = "DEFAULT"
        self._held.clear()
        self._keys = 0

    def _tried(self, packet: Any, frames: list[Any]) -> Iterator[Any]:
        self._held.append(packet)
        self._keys += packet.is_keyframe
        if any(frame is not None for frame in frames):
            self._sure = True
            yield from frames
        elif self._keys > 2 or not packet.size or sum(held.size for held in self._held) > MOST_HELD:
            self._sure = True
            yield from self._plainly()
        else:
            return
        self._held.clear()

    def _plainly(self) -> Iterator[Any]:
        self._context = self._other(self._plain.codec.name)
        for packet in self._held:
            yield from self.decode(packet)

    def _careful(self) -> Any:
        shallow = str(self._plain.pix_fmt).startswith("yuv") and "p1" not in str(self._plain.pix_fmt)
        other = INSTEAD.get(self._plain.codec.name) if shallow else None  # libvpx may be built for 8 bits alone
        context = self._other(other) or self._plain
        strict = {"strict": "strict"} if context.name in STRICT else {}
        context.options = self._options | strict | ({} if context.name in MARKS else CAREFUL)
        context.thread_type = "AUTO"
        if context.name in MARKS:
            h264.defer_output(context)
        return context

    def _other(self, name: str | None) -> Any:
        """Return a decoder of another name for the same stream; None where there is none."""
        try:
            context = name and av.CodecContext.create(name, "r")
        except av.codec.codec.UnknownCodecError:
            return None
        if context:
            context.extradata, context.options, context.thread_type = self._plain.extradata, self._options, "AUTO"
        return context

    def _learn_turn(self, packet: Any) -> None:
        """Ask the stream's own decoder how its frames are turned: only that one is given the display matrix."""
        self._turn = UPRIGHT
        try:
            self._plain.thread_count, self._plain.options = 1, self._options
            self._turn = next(map(turn_of, self._plain.decode(packet)), UPRIGHT)
        except av.error.FFmpegError:  # what is wrong with it, the other one tells
            pass


def _length_size(context: Any) -> int | None:
    """Return how many bytes tell the length of an HEVC NAL unit, 0 where start codes part them, None for others."""
    if context.name != "hevc":
        return None
    return h264.length_size(context.extradata or b"", 21)


def _possible(packet: bytes, lengths: int) -> bool:
    """Return whether an HEVC packet holds only bytes that its NAL units may have.

    >>> _possible(b"\\0\\0\\0\\4\\x26\\1\\xaf\\0", 4), _possible(b"\\0\\0\\0\\6\\x26\\1\\0\\0\\0\\5", 4)
    (True, False)
    """
    if not lengths:
        return BETWEEN.search(packet) is None
    at = 0
    while at < len(packet):
        start = at + lengths
        at = start + int.from_bytes(packet[at:start], "big")
        unit = packet[start:at].rstrip(b"\0")  # zeros may follow it
        if any(pattern in unit for pattern in FORBIDDEN):
            return False
    return True
