"""List the faces on which the weights abstain, and how uncertain each prediction is.

    python examples/uncertain_faces.py photos/

At the threshold "auto", nine of ten predictions on validation images are right, and fewer on other images: the model
card says how many on other labs' faces.  The entropy of the probabilities is 0 when one expression is certain, and 3
bits when all eight are equally probable.
"""

import sys

import numpy as np

import mien


def entropy(face: mien.Face) -> float:
    """Return the entropy of a face's probabilities in bits."""
    probs = face.probs[face.probs > 0]
    return float(-(probs * np.log2(probs)).sum())


def main(sources: list[str]) -> None:
    """Print every face, the least certain first."""
    faces = []
    for prediction in mien.Pipeline(abstain="auto").predict(sources):
        if prediction.error:
            print(prediction.error, file=sys.stderr)
        faces += [(entropy(face), prediction.source, face) for face in prediction.faces]
    for bits, source, face in sorted(faces, key=lambda one: -one[0]):
        verdict = "abstained" if face.abstained else face.expression
        print(f"{bits:.2f} bits  {verdict:10s} {face.confidence:.2f}  {source}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python examples/uncertain_faces.py PHOTO...")
    main(sys.argv[1:])
