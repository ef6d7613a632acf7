"""The decoder of a video stream, configured to detect damage inside packets where it can.

Decoders detect different damage.  Most report errors when err_detect is set.  libvpx decodes VP9 about as fast as
FFmpeg's own decoder and also detects a frame that reads beyond its data.  dav1d in strict mode checks how AV1's symbols
end.  FFmpeg's HEVC and VP8 decoders detect almost nothing, so HEVC packets are searched here for byte patterns that
they cannot contain.  docs/limits.md has the measurements.
"""

import re
from collections.abc import Iterator
from typing import Any

import av

from mien.inference.media import h264
from mien.inference.media.geometry import UPRIGHT, turn_of

CAREFUL = {"err_detect": "crccheck+bitstream+buffer+explode"}
MARKS = frozenset(("h264",))  # marks damaged frames; with CAREFUL it would drop those of an intra refresh
MAX_FFMPEG_PIXELS = 2**31 - 1  # the highest limit that FFmpeg accepts
INSTEAD = {"vp9": "libvpx-vp9"}  # a decoder that detects more, where this FFmpeg has it
STRICT = frozenset(("libdav1d",))
MAX_TRIAL_BYTES = 64_000_000  # packets kept until the careful decoder has read a frame
# emulation prevention (H.265, 7.4.2.1) keeps these out of a NAL unit, and out of the bytes between start codes
FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
BETWEEN = re.compile(rb"\x00\x00(?:\x02|\x00[\x02-\xff])")


class Decoder:
    """Decodes the packets of a stream.

    A strict decoder may refuse files of some encoders.  When the careful decoder reads no frame of the first two groups
    of images, the plain one reads them again.
    """

    def __init__(self, stream: Any, max_pixels: int) -> None:
        self._options = {"max_pixels": str(min(max_pixels, MAX_FFMPEG_PIXELS))}
        self._plain = stream.codec_context
        self._context = self._careful()
        self._turn: tuple[int, ...] | None = UPRIGHT if self._context is self._plain else None
        self._lengths = _length_size(self._plain)
        self._held: list[Any] = []
        self._keys, self._decided = 0, self._plain.name not in STRICT

    def decode(self, packet: Any) -> Iterator[Any]:
        """Yield the frames that a packet completes, and None for damage."""
        if self._turn is None and packet.is_keyframe:
            self._read_turn(packet)
        frames = self._decoded(packet)
        if self._decided:
            yield from frames
        else:
            yield from self._tried(packet, frames)
        if self._lengths is not None and packet.size and not _is_valid_hevc(bytes(packet), self._lengths):
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
        """Return the orientation of a frame, one of geometry.EIGHT."""
        return turn_of(frame) if self._context is self._plain else self._turn or UPRIGHT

    def flush(self) -> None:
        """Discard buffered frames before a seek."""
        self._context.flush_buffers()
        self._context.skip_frame = "DEFAULT"
        self._held.clear()
        self._keys = 0

    def _tried(self, packet: Any, frames: list[Any]) -> Iterator[Any]:
        self._held.append(packet)
        self._keys += packet.is_keyframe
        if any(frame is not None for frame in frames):
            self._decided = True
            yield from frames
        elif self._keys > 2 or not packet.size or sum(held.size for held in self._held) > MAX_TRIAL_BYTES:
            self._decided = True
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
        """Return another decoder for the same stream, or None when there is none."""
        try:
            context = name and av.CodecContext.create(name, "r")
        except av.codec.codec.UnknownCodecError:
            return None
        if context:
            context.extradata, context.options, context.thread_type = self._plain.extradata, self._options, "AUTO"
        return context

    def _read_turn(self, packet: Any) -> None:
        """Read the orientation from the stream's own decoder: only that one gets the display matrix."""
        self._turn = UPRIGHT
        try:
            self._plain.thread_count, self._plain.options = 1, self._options
            self._turn = next(map(turn_of, self._plain.decode(packet)), UPRIGHT)
        except av.error.FFmpegError:  # the careful decoder reports the error
            pass


def _length_size(context: Any) -> int | None:
    """Return the size of the length field of HEVC NAL units, 0 for start codes, None for other codecs."""
    if context.name != "hevc":
        return None
    return h264.length_size(context.extradata or b"", 21)


def _is_valid_hevc(packet: bytes, lengths: int) -> bool:
    """Return whether an HEVC packet holds only bytes that NAL units may contain.

    >>> _is_valid_hevc(b"\\0\\0\\0\\4\\x26\\1\\xaf\\0", 4), _is_valid_hevc(b"\\0\\0\\0\\6\\x26\\1\\0\\0\\0\\5", 4)
    (True, False)
    """
    if not lengths:
        return BETWEEN.search(packet) is None
    at = 0
    while at < len(packet):
        start = at + lengths
        at = start + int.from_bytes(packet[at:start], "big")
        unit = packet[start:at].rstrip(b"\0")  # zeros may follow a unit
        if any(pattern in unit for pattern in FORBIDDEN):
            return False
    return True
