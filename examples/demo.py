"""Read the expressions in photos that arrive inside packages, as `make demo` does.

    python examples/demo.py OUT

Two portraits in the public domain (Eileen Collins from scikit-image, Grace Hopper from matplotlib) and an image
without a face go through `mien predict`; the table is printed, annotated images and report.html land in OUT.
"""

import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PHOTOS = {
    "skimage": ["data/astronaut.png", "data/coffee.png"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}


def collect(folder: Path) -> None:
    """Copy the packages' photos into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for package, names in PHOTOS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            sys.exit(f"{package} is not installed; pip install 'mien[demo]'")
        for name in names:
            shutil.copy(Path(spec.origin).parent / name, folder)


def main(out: Path) -> None:
    """Collect the photos and read them."""
    photos = out / "photos"
    collect(photos)
    words = ["mien", "predict", str(photos), "--out", str(out), "--force"]  # over the demo of an earlier version
    print("$", shlex.join(words), flush=True)
    subprocess.run([sys.executable, "-m", "mien.cli", *words[1:]], check=True)
    print(f"\nThe images with boxes and bars: {out / 'report.html'}", *next_steps(photos), sep="\n")


def next_steps(photos: Path) -> list[str]:
    """Return commands to try next, as they can be typed in this folder."""
    mien = Path(sys.executable).with_name("mien")
    mien = mien.relative_to(Path.cwd()) if mien.is_relative_to(Path.cwd()) else mien
    words = [
        ["demo"],
        ["predict", photos / "astronaut.png", "--format", "json"],
        ["predict", photos, "--measures"],
        ["--help"],
    ]
    return ["\nNext, try:", *(f"  {shlex.join(map(str, [mien, *more]))}" for more in words)]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
