"""Frames of video files through FFmpeg (PyAV), and where an incomplete file stops.

Times are those of the timestamps, counted from the earliest displayed frame.  Reading from the middle seeks to the key
frame before it, by the container's index.  Damaged frames are skipped and the rest is read.  FFmpeg reports no error
where the bytes end, so the size of a file is compared with the size in its header.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import chain
from pathlib import Path
from typing import Any

import av

from mien.errors import MediaError
from mien.inference.media import geometry, matroska
from mien.inference.media.completeness import complete_boxes_end, file_size, is_empty, lacks_bytes
from mien.inference.media.decoder import MAX_FFMPEG_PIXELS, Decoder
from mien.inference.media.image import EMPTY, MAX_PIXELS, Pixels, check_size, reason

BACK = (0.0, 1.0, 5.0, 25.0, 125.0)  # seconds to seek further back when a container's index is not exact
NO_SEEK = frozenset(("mpeg",))  # FFmpeg guesses timestamps after a seek: read from the beginning
STILL = frozenset(("tty", "image2", "image2pipe", "bin", "xbin", "adf", "idf", "ico"))  # text and still images
STATED = frozenset(("flv", "mxf"))  # the header alone states a duration
MIN_LATE = 0.05  # seconds after a file's start; a first frame before that is on time, as sound is cut into packets
MAX_MISSING = 1.0  # seconds of it that may be missing: some programs round up
BROADCAST = frozenset(("mpegts", "mpeg", "h264", "hevc", "vvc", "mpegvideo", "m4v"))  # may start anywhere
UNTIMED = av.format.Flags.no_timestamps.value  # of a format: bare streams, which hold frames and no times
DEFAULT_RATE = 25.0  # frames/s where a file has none
HDR = {16: "PQ", 18: "HLG"}
"""The curves of brightness that need tone mapping (ITU-T H.273, table 3)."""
ATTACHED = av.stream.Disposition.attached_pic
NO_VIDEO = (av.error.InvalidDataError, av.error.ArgumentError, av.error.EOFError)
UNKNOWN = "it is damaged, or not a video of a known format"


def frames(
    path: Path, start: float = 0.0, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
    """Yield (index, seconds, a function that returns uint8 RGB (H, W, 3)) of every frame from `start` seconds on.

    `index` counts decoded frames from the first one of the file.  After a seek it comes from the container's list of
    frames if that is complete (MP4, MOV, AVI).  Else (Matroska, WebM, transport streams) it is the key frame's time
    times the nominal frame rate, which is exact for a constant rate.  MediaError, after all complete frames, when the
    file is cut short, damaged or still being written; and for frames of more than `max_pixels` pixels.
    """
    size = file_size(path)
    if is_empty(path):  # some of FFmpeg's readers accept an empty file
        raise MediaError(f"{path} cannot be read as a video: {EMPTY}")
    with ExitStack() as stack:
        reading = _Reading(path, stack.enter_context(opened(path)), start, max_pixels)
        if start > 0 and not reading.seek():
            reading = _Reading(path, stack.enter_context(opened(path)), start, max_pixels)
        yield from reading.frames()
        if file_size(path) > size:
            state = "was still being written"
        elif reading.is_whole():
            return
        else:
            state = "is cut short or damaged"
    at = reading.seconds if reading.damaged is None else reading.damaged
    raise MediaError(f"{path} {state} at {at:.1f} s", do=f"{reading.read} frames were decoded")


def _last_seconds(path: Path) -> float:
    """Return the time, on a file's own clock, of its last packet of images or sound; 0 where none can be read."""
    with opened(path) as file:
        try:
            packets = file.demux(*file.streams.video, *file.streams.audio)
            return max((float(p.pts * p.time_base) for p in packets if p.pts is not None), default=0.0)
        except av.error.FFmpegError:
            return 0.0


def start_seconds(path: Path) -> float:
    """Return the time on a file's own clock, in seconds, that is second 0 of `frames`; MediaError without a frame."""
    with opened(path) as file:
        return _Reading(path, file, 0.0, MAX_FFMPEG_PIXELS).start_seconds()


def opened(path: Path) -> Any:
    """Return the open container of a video file; MediaError when FFmpeg cannot read it."""
    try:
        return _open(f"file:{path}")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if whole := complete_boxes_end(path):  # FFmpeg refuses an MP4 that ends within the head of a fragment
            try:
                return _open(f"subfile,,start,0,end,{whole},,:{path}")
            except (av.error.FFmpegError, OSError, ValueError):
                pass
        why = EMPTY if is_empty(path) else UNKNOWN if isinstance(error, NO_VIDEO) else reason(error)
        why = "its index is missing: cut short, or still being written" if whole == 0 else why
        raise MediaError(f"{path} cannot be read as a video: {why}") from None


def _open(name: str) -> Any:
    # metadata such as titles comes in any encoding, and is not used here
    return av.open(name, options={"protocol_whitelist": "file,subfile"}, metadata_errors="replace")


def video_stream(file: Any, path: Path) -> Any:
    """Return the video stream that a viewer would show; MediaError when there is none.

    Cover images do not count.  Of several streams it is the one that FFmpeg calls best.
    """
    videos = _video_streams(file)
    if not videos:
        raise MediaError(f"{path} has no moving image", "a video file")
    known = [stream for stream in videos if stream.codec_context is not None]
    if not known:
        raise MediaError(f"{path} uses a codec that this FFmpeg does not support", "H.264, HEVC, VP9, AV1, ...")
    best = file.streams.best("video")
    return best if best in known else known[0]


def _video_streams(file: Any) -> list[Any]:
    # FFmpeg also reads text files and single images as videos
    still = file.format.name in STILL or file.format.name.endswith("_pipe")
    return [] if still else [stream for stream in file.streams.video if not stream.disposition & ATTACHED]


def about(path: Path) -> tuple[str, float]:
    """Return what of a video is read and how, where that is not obvious ("video stream 1 of 2"), and how late it is.

    That is how many seconds after the start of a file second 0 of `frames` is, 0 below MIN_LATE: the frames may begin
    after the sound, as where a recorder started the camera last.  MediaError when there is no video to read.
    """
    with opened(path) as file:
        stream, streams = video_stream(file, path), _video_streams(file)
        notes = [f"video stream {streams.index(stream) + 1} of {len(streams)}"] if len(streams) > 1 else []
        if file.format.flags & UNTIMED and not stream.codec_context.framerate:
            notes.append(f"times assume {_rate(file, stream):g} frames/s: the file has none")
        if curve := HDR.get(stream.codec_context.color_trc):
            notes.append(f"HDR ({curve}), not tone-mapped")
        first = _Reading(path, file, 0.0, MAX_FFMPEG_PIXELS).start_seconds()
        late = 0.0 if file.start_time is None else round(first - file.start_time / av.time_base, 6)
        if late < MIN_LATE:
            return "; ".join(notes), 0.0
        notes.append(f"second 0 is the first frame, {late:.3f} s after the start of the file")
        return "; ".join(notes), late


def _rate(file: Any, stream: Any) -> float:
    """Return the nominal frames per second; of bare streams FFmpeg's average is its own default."""
    stated = None if file.format.flags & UNTIMED else stream.average_rate
    rate = float(stated or stream.guessed_rate or DEFAULT_RATE)
    return rate if 0 < rate < 1000 else DEFAULT_RATE


@dataclass
class _Key:
    """The key frame where reading starts: its packet, and the number of later packets that are shown before it."""

    packet: Any
    leading: int = 0


class _Reading:
    """One pass over the video of a file: its frames, and then how far it got.

    Attributes:
        seconds: time of the last frame.
        damaged: time of the first damage, or None.
        read: number of frames from `start` on.
    """

    def __init__(self, path: Path, file: Any, start: float, max_pixels: int) -> None:
        self.seconds, self.read = 0.0, 0
        self.damaged: float | None = None
        self._path, self._file, self._start, self._max_pixels = path, file, start, max_pixels
        self._stream = stream = video_stream(file, path)
        check_size(stream.width, stream.height, path, max_pixels)
        self._rate = _rate(file, stream)
        self._decoder, self._aspect = Decoder(stream, max_pixels), geometry.Aspect(stream)
        self._first_pts: int | None = None  # the timestamp that is second 0
        self._waiting: list[int] | None = [] if file.format.name == "avi" else None  # AVI has no times, only an order
        self._last: float | None = None
        self._longest = 0.0  # seconds between two frames
        self._packets: Iterator[Any] = file.demux(stream)
        self._first_key: int | None = None
        self._last_key: int | None = None
        self._to_come: set[int] = set()  # timestamps of packets whose frames were not output yet
        self._key: _Key | None = None

    def seek(self) -> bool:
        """Seek to the last key frame before `start`; return whether there is one."""
        reordered = self._waiting is not None and self._stream.codec_context.has_b_frames
        if self._file.format.name in NO_SEEK or reordered or not self._find_first_pts():
            return False
        base = self._stream.time_base
        target = (self._first_pts or 0) + self._start / base
        for back in BACK:
            at = self._start - back
            if at <= 0:
                return False
            try:
                self._file.seek((self._first_pts or 0) + int(at / base), stream=self._stream)
                self._forget()
                packets = self._file.demux(self._stream)
                packet = next((p for p in packets if p.is_keyframe and p.pts is not None), None)
            except av.error.FFmpegError:
                return False
            if packet is not None and packet.pts <= target:
                self._key = _Key(packet)
                self._packets = chain([packet], _counted(packets, self._key))
                return True
        return False

    def frames(self) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
        key = self._key
        index: int | None = None if key else 0
        for frame in self._decoded(self._packets):
            if key and index is None:
                if frame is None or frame.pts is None or frame.pts < key.packet.pts:
                    continue  # images of an open group that refer to one before the seek
                index = self._index(key)
            timestamp = self._timestamp(frame)
            if frame is not None:
                self._time(timestamp)
                self._to_come = {pts for pts in self._to_come if frame.pts is not None and pts > frame.pts}
            if frame is None or frame.is_corrupt:
                self.damaged = self.seconds if self.damaged is None else self.damaged
            else:
                self.read += self.seconds >= self._start
                yield index or 0, self.seconds, self._shown(frame)
            index = (index or 0) + (frame is not None)

    def is_whole(self) -> bool:
        """Return whether nothing was damaged, and the file has the length in its header."""
        if self.damaged is None and self._file.format.name.startswith("matroska"):
            at = matroska.first_damage(self._path, self._key.packet.pos or 0 if self._key else 0)
            if at is not None:
                self.damaged = max(0.0, min(self.seconds, at - float((self._first_pts or 0) * self._stream.time_base)))
        if self._to_come and self.damaged is None and self._file.format.name not in (*BROADCAST, "avi"):
            self.damaged = self.seconds  # PyAV does not report frames lost while draining
        return self.damaged is None and not lacks_bytes(self._path, self._file.format.name) and self._is_as_long()

    def _is_as_long(self) -> bool:
        """Return whether the frames, or the sound after them, last as long as the header states."""
        stream, format = self._stream, self._file.format.name
        if format not in STATED or not (stream.duration or self._file.duration):
            return True
        own = stream.duration and stream.duration * stream.time_base
        least = float(own or self._file.duration / av.time_base) - max(MAX_MISSING, self._longest)
        return self.seconds >= least or _last_seconds(self._path) >= least

    def _decoded(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Yield frames, and None for damage; a broadcast may start before its first key frame."""
        begun = self._file.format.name not in BROADCAST
        try:
            for packet in packets:
                self._note(packet)
                for frame in self._decoder.decode(packet):
                    if frame is not None:
                        begun = True
                        self._aspect.follow(self._last_key)
                        yield frame
                    elif begun:
                        yield None
                if packet.is_corrupt and begun:
                    yield None
        except av.error.FFmpegError:
            yield None

    def _note(self, packet: Any) -> None:
        if packet.is_keyframe and packet.pts is not None and not packet.is_discard:
            self._last_key = packet.pts
            self._first_key = packet.pts if self._first_key is None else self._first_key
        if packet.pts is not None and packet.size and not packet.is_discard:
            self._to_come.add(packet.pts)
        if self._waiting is not None and packet.size and packet.dts is not None:
            heappush(self._waiting, packet.dts)

    def start_seconds(self) -> float:
        """Read up to the first frame; return the time on the file's clock that is second 0."""
        self._find_first_pts()
        return float((self._first_pts or 0) * self._stream.time_base)

    def _find_first_pts(self) -> bool:
        """Read up to the first frame for its time; return whether it has one."""
        for frame in self._decoded(self._packets):
            timestamp = self._timestamp(frame)
            if frame is not None:
                self._set_first_pts(timestamp)
                self.damaged = None  # only damage after `start` counts
                return timestamp is not None
            self.damaged = 0.0
        return False

    def _forget(self) -> None:
        self._decoder.flush()
        if self._waiting:
            self._waiting.clear()

    def _timestamp(self, frame: Any) -> int | None:
        """Return when a frame is shown: its timestamp, or in AVI the earliest pending one."""
        if self._waiting is None:
            return None if frame is None else frame.pts
        return heappop(self._waiting) if self._waiting else None

    def _set_first_pts(self, timestamp: int | None) -> None:
        """Start time at the earliest frame, or at the key frame before it when that one is damaged."""
        first = self._stream.start_time or 0 if timestamp is None else timestamp
        self._first_pts = first if self._first_key is None or self.damaged is None else min(first, self._first_key)

    def _time(self, timestamp: int | None) -> None:
        """Advance to a frame's time; without a timestamp, or with one in the past, by one frame of the nominal rate."""
        if self._first_pts is None:
            self._set_first_pts(timestamp)
        seconds = None if timestamp is None else float((timestamp - (self._first_pts or 0)) * self._stream.time_base)
        if seconds is None or (self._last is not None and seconds <= self._last):
            seconds = 0.0 if self._last is None else self._last + 1 / self._rate
        self._longest = max(self._longest, seconds - (seconds if self._last is None else self._last))
        self._last = seconds
        self.seconds = round(max(0.0, seconds), 6)

    def _shown(self, frame: Any) -> Callable[[], Pixels]:
        size = geometry.shown_size(frame.width, frame.height, self._aspect.at(frame.pts))
        check_size(*size, self._path, self._max_pixels)
        return partial(geometry.shown, frame, size, self._decoder.turn(frame))

    def _index(self, key: _Key) -> int:
        entries, packet = self._stream.index_entries, key.packet
        if self._stream.frames and len(entries) == self._stream.frames and packet.dts is not None:
            at = entries.search_timestamp(packet.dts)
            if at >= 0 and entries[at].timestamp == packet.dts:
                return sum(not entry.is_discard for entry in entries[:at]) + key.leading
        return round(float((packet.pts - (self._first_pts or 0)) * packet.time_base) * self._rate)


def _counted(packets: Iterator[Any], key: _Key) -> Iterator[Any]:
    for packet in packets:
        key.leading += packet.pts is not None and packet.pts < key.packet.pts
        yield packet
