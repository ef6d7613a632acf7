"""Write a video that browsers play, readable at every moment, with the sound of the video it was made from.

H.264 in MP4, in fragments of two seconds while it is being written, so that a killed run leaves a playable file; at the
end FFmpeg turns it into an ordinary MP4 (hybrid_fragmented).  Frames keep their own times, also uneven ones.  Sound is
copied packet by packet and not encoded again: the source is opened a second time and read up to the time of the frame.
Without an H.264 encoder in FFmpeg the codec is MPEG-4.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError
from mien.inference.media import ffmpeg
from mien.inference.media.image import reason
from mien.printable import say

CLOCK = Fraction(1, 60_000)  # the time base, in seconds: 24, 25, 29.97, 30, 50 and 60 frames/s are whole multiples
FRAGMENT = 2.0  # seconds between key frames: the most that a killed run may lose
FAST = {"preset": "veryfast", "bf": "0", "forced-idr": "1"}  # no B-frames: nothing is reordered, time starts at 0
THREADS = 2
MAX_GAP = 9 * 3600  # seconds between two frames: a duration in an MP4 ends at 2^31 ticks of the clock
MAX_SIDE, MAX_FRAME_PIXELS = 8192, 35_000_000  # highest H.264 level (6.2); larger frames are shrunk
SOUNDS = frozenset(("aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac"))  # that MP4 holds and players play
UNFIT = (av.error.FFmpegError, ValueError, ArithmeticError)
"""Errors that PyAV raises for sound that it cannot copy."""
# delay_moov keeps sound and video in step: the header is written when both are known
MUXER = {"movflags": "hybrid_fragmented+delay_moov", "flush_packets": "1", "max_interleave_delta": "1000000"}


class Movie:
    """One MP4 being written; its time starts with its first frame."""

    def __init__(self, path: Path, sound: Path | None = None) -> None:
        """Write to `path`, with the sound of the video file `sound` if it has any that MP4 holds."""
        self._file = av.open(f"file:{path}", "w", format="mp4", options=MUXER)
        self._source = sound
        self._sound: _Sound | None = None
        self._stream: Any = None
        self._start, self._last, self._key = 0.0, -1, float("-inf")
        self._packet: Any = None  # the last one encoded, until the next one gives its duration

    def add(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Append a frame, uint8 RGB (H, W, 3), at its time; a frame of another size is resized to the first one's."""
        if self._stream is None:
            self._begin(image.shape[1], image.shape[0], seconds)
        frame = av.VideoFrame.from_ndarray(self._planes(image), format="yuv420p")
        if seconds - self._start > self._last * CLOCK + MAX_GAP:
            gap = seconds - self._start - float(self._last * CLOCK)
            raise MediaError(f"{gap / 3600:.1f} h between two frames", f"at most {MAX_GAP // 3600} h in an MP4")
        self._last = max(self._last + 1, round((seconds - self._start) / CLOCK))
        frame.pts, frame.time_base = self._last, CLOCK
        if seconds >= self._key + FRAGMENT:
            frame.pict_type, self._key = av.video.frame.PictureType.I, seconds
        self._write(self._stream.encode(frame))

    def close(self) -> None:
        """Write the frames that the encoder still holds, and close the file."""
        try:
            if self._stream is not None:
                self._write(self._stream.encode(None))
            if self._packet is not None:
                self._mux(self._packet)
                self._copy_audio(self._packet.pts + self._packet.duration)
        finally:
            if self._sound is not None:
                self._sound.close()
            self._file.close()

    def _begin(self, width: int, height: int, seconds: float) -> None:
        there = "libx264" in av.codecs_available
        self._stream = self._file.add_stream("libx264" if there else "mpeg4", rate=30, options=FAST if there else {})
        self._stream.width, self._stream.height = fitted(width, height)
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.thread_count, context.gop_size = CLOCK, THREADS, 600
        context.colorspace, context.color_range = 6, 1  # of OpenCV's conversion: BT.601, 16 to 235
        context.color_primaries = context.color_trc = 1
        self._start = seconds
        if self._source is not None:
            self._sound = _Sound.of(self._source, self._file, seconds)

    def _planes(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the frame as stacked planes of yuv420p, 7 times as fast as FFmpeg does."""
        width, height = self._stream.width, self._stream.height
        bottom, right = height - image.shape[0], width - image.shape[1]
        if not {bottom, right} <= {0, 1}:
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        elif bottom or right:
            image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)

    def _write(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = round(Fraction(1, 25) / CLOCK)  # of a video with one frame
            if self._packet is not None:
                self._packet.duration = packet.duration = packet.pts - self._packet.pts
                self._mux(self._packet)
            self._packet = packet

    def _mux(self, packet: Any) -> None:
        self._copy_audio(packet.pts)
        packet.time_base = CLOCK
        self._file.mux(packet)

    def _copy_audio(self, until: int) -> None:
        """Write the sound up to a time of the video."""
        if self._sound is None:
            return
        try:
            for packet in self._sound.until(float(until * CLOCK)):
                self._file.mux(packet)
        except UNFIT as error:
            say(f"mien: {self._source}: its sound does not fit into MP4 and ends here: {reason(error)}")
            self._sound.close()
            self._sound = None


def fitted(width: int, height: int) -> tuple[int, int]:
    """Return the size in which a frame is written: even sides within the limits of H.264.

    >>> fitted(101, 76), fitted(20000, 3)
    ((102, 76), (8192, 2))
    """
    factor = min(1.0, MAX_SIDE / max(width, height), (MAX_FRAME_PIXELS / (width * height)) ** 0.5)
    if factor == 1:
        return width + width % 2, height + height % 2
    return max(2, int(width * factor / 2) * 2), max(2, int(height * factor / 2) * 2)


def trim(path: Path) -> None:
    """Truncate an incomplete video after its last complete fragment, or to nothing without one."""
    at = end = 0
    with path.open("r+b") as file:
        while len(head := file.read(16)) >= 8:
            size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
            at += size
            if size < 8 or at > path.stat().st_size:
                break
            end = at if head[4:8] == b"mdat" else end
            file.seek(at)
        file.truncate(end)


def configuration(header: bytes) -> bytes:
    """Return the AudioSpecificConfig of MP4 for an ADTS header: the profile, the sampling rate and the channels.

    ValueError for none, and for one that names no channels.

    >>> configuration(bytes.fromhex("fff150402c7ffc")).hex()  # AAC-LC, 44.1 kHz, mono
    '1208'
    """
    if not header:
        raise ValueError("no header")
    profile, rate, channels = header[2] >> 6, header[2] >> 2 & 15, (header[2] & 1) << 2 | header[3] >> 6
    if not channels:
        raise ValueError("channels that the stream describes itself")
    return ((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def _in_adts(audio: Any) -> bool:
    """Return whether sound is AAC that the container does not describe: then every packet does."""
    return audio.codec_context.name == "aac" and not audio.codec_context.extradata


class _Sound:
    """The sound of a video file, copied into another one from `start` seconds on."""

    def __init__(self, file: Any, audio: Any, into: Any, start: float) -> None:
        self._file, self._start = file, start
        self._shift = round(start / audio.time_base)
        self._header = b""  # of the first packet, in ADTS
        self._packets = self._read(audio)
        self._next: Any = next(self._packets, None)
        in_adts = _in_adts(audio)
        described = configuration(self._header) if in_adts else None  # ValueError before a stream is made
        self._into = into.add_stream_from_template(audio)
        if described is not None:
            self._into.codec_context.extradata = described

    @classmethod
    def of(cls, source: Path, to: Any, start: float) -> "_Sound | None":
        """Open the sound of a video for copying; None, with a line on stderr, when MP4 cannot hold it."""
        try:
            file = ffmpeg.opened(source)
        except MediaError:
            return None
        audio = file.streams.best("audio")
        try:
            ffmpeg.video_stream(file, source)
        except MediaError:
            audio = None
        if audio is not None:
            name = audio.codec_context.codec.canonical_name if audio.codec_context else "of an unknown kind"
            if name in SOUNDS:
                try:
                    first = ffmpeg.start_seconds(source)
                    return cls(file, audio, to, start + first)
                except (MediaError, *UNFIT):  # too little metadata for a header in MP4
                    pass
            say(f"mien: {source}: its sound, {name}, does not fit into MP4 and is left out")
        file.close()
        return None

    def until(self, seconds: float) -> Iterator[Any]:
        """Yield the packets that start before a time of the written video."""
        while self._next is not None and float(self._next.pts * self._next.time_base) < seconds:
            packet = self._next
            self._next = next(self._packets, None)
            packet.stream = self._into
            yield packet

    def close(self) -> None:
        """Close the source."""
        self._file.close()

    def _read(self, audio: Any) -> Iterator[Any]:
        """Yield packets in order on the clock of the written file, up to the first damage."""
        last, in_adts = -1, _in_adts(audio)
        try:
            if self._shift > 0:
                self._file.seek(int(self._start * av.time_base))
            for packet in self._file.demux(audio):
                if (
                    packet.pts is None
                    or packet.dts is None
                    or packet.pts < self._shift
                    or packet.dts - self._shift <= last
                ):
                    continue
                packet.pts -= self._shift
                packet.dts -= self._shift
                last = packet.dts
                yield self._unframed(packet) if in_adts else packet
        except UNFIT:
            return

    def _unframed(self, packet: Any) -> Any:
        """Return a packet of AAC without the ADTS header that transport streams put before each one."""
        data = bytes(packet)
        if len(data) < 10 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:  # the sync word, and layer 0
            raise ValueError("AAC without a header")
        self._header = self._header or data[:9]
        bare = av.Packet(data[7 if data[1] & 1 else 9 :])
        bare.pts, bare.dts, bare.duration, bare.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        return bare
