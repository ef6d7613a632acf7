"""The promises that the benchmark checks, each with its figure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Parts = dict[str, dict[str, Any]]
FER = "fer tflite"
DECODING = {("360p", 1): 0.35, ("720p", 1): 0.45, ("360p", 3): 0.3, ("720p", 3): 0.3}
"""Least part of decoding's frames per second, by size and faces."""


@dataclass(frozen=True)
class Bar:
    """A promise, the figure that was measured and whether it keeps the promise."""

    promise: str
    figure: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.promise}: {self.figure}"


def bars(parts: Parts) -> list[Bar]:
    """Return what can be judged by the parts that ran; without fer most cannot."""
    return [bar for part, check in CHECKS for bar in (check(parts[part]) if part in parts else ())]


def on_front(faces: dict[str, Any]) -> Iterator[Bar]:
    """Check that no peer beats shipped weights on the data set they were trained on, at any batch and thread count."""
    for name in faces["megabytes"]:
        data = name.removeprefix("mien ").removesuffix("-nano")
        cases = [case for case in faces["fronts"] if case["data"] == data]
        by = {other for case in cases for other in case["beaten"].get(name, ()) if not other.startswith("mien ")}
        figure = f"beaten by {', '.join(sorted(by))}" if by else f"no peer at any of {len(cases)} settings"
        yield Bar(f"{name}: no peer is both quicker and more accurate on {data}", figure, not by)


def nano(faces: dict[str, Any]) -> Iterator[Bar]:
    """Check what the small weights cost beside fer's default."""
    cost = {row["system"]: row["cpu_ms"] for row in faces["rows"] if (row["batch"], row["threads"]) == (64, 1)}
    for name in (name for name in cost if name.endswith("-nano") and FER in cost):
        share = cost[name] / cost[FER]
        yield Bar(f"{name}: at most 0.7 of fer tflite's CPU time per face, batch 64", f"{share:.2f}", share <= 0.7)


def video(report: dict[str, Any]) -> Iterator[Bar]:
    """Check frames per second: beside fer on every clip, and alone on 720p with one face."""
    speed = {(row["system"], row["size"], row["faces"]): row["frames_per_second"] for row in report["rows"]}
    clips = [key[1:] for key in speed if key[0] == "fer"]
    ratios = [speed["mien", *clip] / speed["fer", *clip] for clip in clips]
    if ratios:
        least = min(ratios)
        yield Bar("video: at least 3 times fer's frames per second on every clip", f"{least:.1f} times", least >= 3)
    alone = speed["mien", "720p", 1]
    yield Bar("video: at least 60 frames per second at 720p with one face", f"{alone:.0f} frames/s", alone >= 60)


def recorded(report: dict[str, Any]) -> Iterator[Bar]:
    """Check which part of decoding's frames per second is left with predictions, on recordings."""
    speed = {(row["system"], row["size"], row["faces"]): row["frames_per_second"] for row in report["rows"]}
    for (size, faces), least in DECODING.items():
        part = speed["mien", size, faces] / speed["decoding", size, faces]
        promise = f"a recording: at least {least} of decoding's frames per second, {size}, faces: {faces}"
        yield Bar(promise, f"{part:.2f}", part >= least)


def photos(report: dict[str, Any]) -> Iterator[Bar]:
    """Check how much sooner large photos are read than decoded whole, and that both see the same."""
    for row in report["rows"]:
        promise = f"photos of {row['megapixels']} megapixels: at least 3 times those decoded whole"
        yield Bar(promise, f"{row['ratio']:.3f} times", row["ratio"] >= 3)
    same, faces = (sum(row[key] for row in report["rows"]) for key in ("same_label", "faces"))
    yield Bar("photos: same faces and labels on at least 99 %", f"{same} of {faces}", same >= 0.99 * faces)


def measures(report: dict[str, Any]) -> Iterator[Bar]:
    """Check what measures cost a face and frame, and frames per second with them at 720p and one face."""
    for row in (row for row in report["rows"] if "measures_cpu_ms" in row):
        cost, speed = row["measures_cpu_ms"], row["frames_per_second"]
        yield Bar(f"measures: at most 12 ms of CPU a face and frame, {row['clip']}", f"{cost:.1f} ms", cost <= 12)
        yield Bar(f"measures: at least 70 frames per second, {row['clip']}", f"{speed:.0f} frames/s", speed >= 70)


def cold(report: dict[str, Any]) -> Iterator[Bar]:
    """Check the first prediction's time beside fer's."""
    wall = {row["system"]: row["wall"] for row in report["rows"]}
    for name in (name for name in wall if name.startswith("mien") and "fer API" in wall):
        share = wall[name] / wall["fer API"]
        yield Bar(f"{name}: first prediction in at most 1/4 of fer's time", f"{share:.2f}", share <= 0.25)


def browser(report: dict[str, Any]) -> Iterator[Bar]:
    """Check the page's private mode: its camera, and the seconds and bytes to the first face."""
    first, speed = report["first"], report["rows"][0]["frames_per_second"]
    yield Bar("page: camera at least 15 frames per second, 640x480, one face", f"{speed:.0f} frames/s", speed >= 15)
    seconds, size = first["slowest"], first["bytes"] / 1e6
    yield Bar("page: first face at most 3 s after load, every time", f"{seconds:.1f} s", seconds <= 3)
    yield Bar("page: at most 6 MB, compressed, up to the first face", f"{size:.1f} MB", size <= 6)
    same = min(row["expression"] / row["faces"] for row in report["parity"].values())
    yield Bar("page: the label of the Pipeline on at least 98 %", f"{100 * same:.2f} %", same >= 0.98)
    largest = max(row["probability"] for row in report["parity"].values())
    yield Bar("page: every probability within 0.03 of the Pipeline's", f"{largest:.4f}", largest <= 0.03)


def training(report: dict[str, Any]) -> Iterator[Bar]:
    """Check the speed run, and images per second on the CPU beside a plain loop in the same precision."""
    if "race" in report:
        race = report["race"]["summary"]
        figure = f"{race['seconds']['mean']:.1f} s, {100 * race['test']['mean']:.2f} %"
        yield Bar("speed run: at most 30 s to 70.5 % on test", figure, race["holds"] and race["seconds"]["mean"] <= 30)
    if "ratio" in report:
        rows = [row for row in report["ratio"]["ratios"] if (row["system"], row["by"]) == ("mien float32", "wall")]
        least = min(row["median"] for row in rows)
        yield Bar("training: at least 2.5 times a plain loop's images per second", f"{least:.1f} times", least >= 2.5)


def serve(report: dict[str, Any]) -> Iterator[Bar]:
    """Check the service's photos per second beside the pipeline's own, and how soon it reads again after a kill."""
    share, seconds = report["throughput"], max(report["recovery_seconds"].values())
    yield Bar("mien serve: at least 0.8 of the pipeline's photos per second", f"{share:.2f}", share >= 0.8)
    yield Bar("mien serve: reads again within 2 s of a killed process", f"{seconds:.1f} s", seconds <= 2)


CHECKS: tuple[tuple[str, Callable[[dict[str, Any]], Iterator[Bar]]], ...] = (
    ("faces", on_front),
    ("faces", nano),
    ("video", video),
    ("recorded", recorded),
    ("photos", photos),
    ("measures", measures),
    ("cold", cold),
    ("serve", serve),
    ("browser", browser),
    ("speedrun", training),
)
