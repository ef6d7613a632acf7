"""The summary of a run: what was read, in one line that reads well whatever the numbers are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.face import Face
from mien.inference.media.sources import OWN, Skipped, Source
from mien.inference.output.tally import LISTED, Tally
from mien.inference.prediction import FrameResult, Prediction

NOTHING = np.empty((0, 48, 48, 1), np.uint8)
FACE = Face(np.array([0, 0, 9, 9], np.float32), 0.9)


def source(name: str) -> Source:
    return Source(name, Path(name), Path(name))


def image(faces: int = 1, error: str | None = None) -> FrameResult:
    return FrameResult(Prediction("a.jpg", error=error, faces=(FACE,) * faces), source("a.jpg"), False, NOTHING)


def frames(count: int, *tracks: int) -> list[FrameResult]:
    of, faces = source("v.mp4"), tuple(replace(FACE, track_id=track, abstained=track > 1) for track in tracks)
    of_each = (Prediction("v.mp4", k, k / 25, faces=faces) for k in range(count))
    return [FrameResult(prediction, of, False, NOTHING, lasts=0.04) for prediction in of_each]


TWO = frames(2, 1)
BROKEN = replace(image(0, "it ends early"), source=TWO[0].source)
CASES = [
    ([], {}, "read 0 images"),
    ([image()], {}, "read 1 image, 1 face"),
    ([image(2), image(0)], {}, "read 2 images, 2 faces; 1 without a face"),
    ([image(0, "no")], {}, "read 0 images; 1 failed"),
    ([image()] * 1648, {OWN: 12, "fifo": 1}, f"read 1,648 images, 1,648 faces; skipped: 12 {OWN}, 1 fifo"),
    (frames(3, 1), {}, "read 1 video (3 frames), 3 faces, 1 track"),
    ([*frames(2, 1, 2), *frames(1, 1), image()], {}, "read 1 image and 2 videos (3 frames), 6 faces, 3 tracks"),
    ([*TWO, BROKEN, image(0, "no")], {}, "read 1 video (2 frames; 1 only in part), 2 faces, 1 track; 1 failed"),
    (
        [*frames(1, 1), image(0), *frames(2)],
        {},
        "read 1 image and 2 videos (3 frames), 1 face, 1 track; 3 without a face",
    ),
    ([image()], {f".{k}": 10 - k for k in range(10)}, "read 1 image, 1 face; skipped: 10 .0, 9 .1, 8 .2, 7 .3, 6 .4, "),
]


@pytest.mark.parametrize(("seen", "skipped", "expected"), CASES)
def test_it_reads_well(seen: list[FrameResult], skipped: dict[str, int], expected: str) -> None:
    tally = Tally(skipped=Skipped(skipped))
    for each in seen:
        tally.add(each)
    text = str(tally)
    assert text.startswith(expected)
    assert text == expected or text.endswith(f", {len(skipped) - LISTED} more kinds")
    assert tally.to_dict()["skipped"] == skipped
    assert tally.begun == bool(seen)


def test_what_this_run_replaces_counts_as_passed_over_and_what_it_writes_does_not() -> None:
    tally = Tally(own=3, skipped=Skipped({".txt": 1, OWN: 5}))
    assert str(tally) == "read 0 images; skipped: 3 of mien's own, 1 .txt"
    assert tally.to_dict()["skipped"] == {OWN: 3, ".txt": 1}


def test_the_record_has_what_a_study_reports() -> None:
    tally = Tally()
    for seen in (*frames(2, 1, 2), *frames(1), image(0), image(0, "no")):
        tally.add(seen)
    counts = tally.to_dict()
    wanted = {"images": 1, "videos": 2, "frames": 3, "faces": 4, "tracks": 2, "abstained": 2, "without_face": 2}
    assert {name: counts[name] for name in wanted} == wanted
    assert (counts["failed"], counts["video_seconds"]) == (1, 0.12)
