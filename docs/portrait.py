"""Read NASA's public-domain portrait of Eileen Collins and write docs/images/astronaut.jpg, the image of the README.

    python docs/portrait.py [FILE]

The portrait is the one that scikit-image carries.  A test runs this script and compares.
"""

import sys
from pathlib import Path

from PIL import Image
from skimage import data

from mien import Pipeline
from mien.inference.output.draw import annotate

IMAGE = Path(__file__).parent / "images" / "astronaut.jpg"


def main(out: Path) -> None:
    """Write the annotated portrait, its upper half, as JPEG."""
    portrait = data.astronaut()
    faces = Pipeline()(portrait)
    Image.fromarray(annotate(portrait, faces)[:340]).save(out, quality=85, optimize=True)
    for face in faces:
        print(f"{out}: {face.expression} {face.confidence:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGE)
