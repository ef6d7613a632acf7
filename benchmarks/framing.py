"""Measure how FER2013 frames a face, in units of each detector's box, and what the crop costs in accuracy.

    MIEN_DATA=... python benchmarks/framing.py [--train 3000] [--val 4000] [--weights ferplus]

Every Training image is enlarged four times and laid on a mid-grey canvas, because detectors look for a face with
something around it.  The median detected box inside the 48x48 frame, inverted, is the framing: the square to cut around
a box so that the crop looks like FER2013.  Then FERPlus val images are detected and cropped again, and the weights'
accuracy on those crops is compared with that on the raw pixels of the same images: once on the canvas, once
without it, where the crop leaves the image and edges are repeated or black.  Copy the printed constants into
`mien.inference.align.FRAMINGS`.
"""

import argparse
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data import load
from mien.inference.align import FRAMINGS, Framing, crop
from mien.inference.classify import Classifier
from mien.inference.detectors import Detector, make

SIDE, ENLARGE, MARGIN, GREY = 48, 4, 96, 128
Images = NDArray[np.uint8]


def canvas(face: Images, margin: int) -> Images:
    """Return a face enlarged, on a canvas that reaches `margin` pixels beyond it; uint8 RGB."""
    large = cv2.resize(face, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
    canvas = cv2.copyMakeBorder(large, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=GREY)
    return np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2RGB), np.uint8)


def detected(detector: Detector, faces: Images, margin: int) -> Iterator[tuple[int, Images, NDArray[np.float32]]]:
    """Yield index, image and largest box of each face that the detector finds."""
    for index, face in enumerate(faces):
        image = canvas(face, margin)
        boxes = [hit.box for hit in detector(image)]
        if boxes:
            yield index, image, max(boxes, key=lambda box: float((box[2] - box[0]) * (box[3] - box[1])))


def measure(detector: Detector, faces: Images) -> Framing:
    """Print how the boxes spread and return the framing that inverts their median."""
    boxes = np.stack([(box - MARGIN) / ENLARGE for _, _, box in detected(detector, faces, MARGIN)])
    sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    for name, values in (("side", sides), ("centre x", centres[:, 0]), ("centre y", centres[:, 1])):
        low, middle, high = np.percentile(values, [10, 50, 90])
        print(f"  {name:9} median {middle:6.2f} px of 48, 10-90 % {low:6.2f} .. {high:6.2f}")
    print(f"  detected {len(boxes)} of {len(faces)}; median width / height {np.median(_aspect(boxes)):.3f}")
    right, down = np.median(SIDE / 2 - centres, axis=0) / SIDE
    return Framing(round(float(SIDE / np.median(sides)), 3), round(float(right), 3), round(float(down), 3))


def _aspect(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])


def check(name: str, framing: Framing, faces: Images, labels: NDArray[np.str_], read_crops: Classifier) -> None:
    """Print accuracy on raw pixels and after detect-and-crop, on the canvas and on the tight image."""
    for margin in (MARGIN, 0):
        hits = list(detected(make(name), faces, margin))
        rows = np.array([index for index, _, _ in hits], np.int64)
        raw = _accuracy(read_crops, faces[rows][..., None], labels[rows])
        again = np.stack([crop(image, box, framing, SIDE, 1) for _, image, box in hits])
        line = f"  margin {margin:3}: detected {len(rows)} of {len(faces)}, raw {raw:.4f}, cropped "
        line += f"{_accuracy(read_crops, again, labels[rows]):.4f}"
        if margin == 0:
            black = np.stack([_black(image, box, framing) for _, image, box in hits])
            line += f", with black beyond the image {_accuracy(read_crops, black, labels[rows]):.4f}"
        print(line)


def _black(image: Images, box: NDArray[np.float32], framing: Framing) -> Images:
    pad = max(image.shape)
    padded = np.asarray(cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT), np.uint8)
    return crop(padded, np.asarray(box + pad, np.float32), framing, SIDE, 1)


def _accuracy(read_crops: Classifier, crops: Images, labels: NDArray[np.str_]) -> float:
    return float((np.array(read_crops.card.labels)[read_crops(crops).argmax(1)] == labels).mean())


def edges(faces: Images) -> None:
    """Print how many Training images show black or repeated pixels at their edge, as a crop beyond an image leaves."""
    rims = np.stack([faces[:, 0], faces[:, -1], faces[:, :, 0], faces[:, :, -1]], axis=1)
    inner = np.stack([faces[:, 1], faces[:, -2], faces[:, :, 1], faces[:, :, -2]], axis=1)
    black = (rims.max(2) <= 2).any(1).mean()
    repeated = ((rims == inner).all(2) & (np.ptp(rims, axis=2) > 8)).any(1).mean()
    print(f"edges of {len(faces)} Training images: a black one {black:.2%}, a repeated one {repeated:.2%}")


def main() -> None:
    """Run the measurement for every detector that draws boxes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--train", type=int, default=3000)
    parser.add_argument("--val", type=int, default=4000)
    parser.add_argument("--weights", default="ferplus")
    options = parser.parse_args()
    train = load("fer2013", None, "train").images[: options.train, :, :, 0]
    clear = load("ferplus", None, "val", labels="majority")
    val = clear.images[: options.val, :, :, 0]
    labels = np.array(clear.labels)[clear.target[: options.val].argmax(1)]
    edges(train)
    read_crops = Classifier(options.weights)
    for name in ("yunet", "haar"):
        print(name)
        framing = measure(make(name), train)
        print(f"  {framing}   (mien has {FRAMINGS['fer2013'][name]})")
        check(name, framing, val, labels, read_crops)


if __name__ == "__main__":
    main()
