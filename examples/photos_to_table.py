"""Print a line for every face in photos.

python examples/photos_to_table.py photos/ portrait.jpg
"""

import sys

import mien


def main(sources: list[str]) -> None:
    """Read the photos and print source, number of the face, expression and probability."""
    print(f"{'source':40s} face  expression  probability")
    for prediction in mien.Pipeline().predict(sources):
        if prediction.error:
            print(prediction.error, file=sys.stderr)
        for number, face in enumerate(prediction.faces, 1):
            print(f"{prediction.source:40s} {number:4d}  {face.expression:10s}  {face.confidence:.2f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python examples/photos_to_table.py PHOTO...")
    main(sys.argv[1:])
