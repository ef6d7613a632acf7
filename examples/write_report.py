"""Write one HTML page about a result that is already there, here one that came with mien.

python examples/write_report.py results/ferplus/0-val.npz report.html
"""

import subprocess
import sys

import mien


def main(result: str, page: str) -> None:
    """Print what the result holds, and write the page."""
    loaded = mien.load(result)
    print(f"{loaded.provenance.weights} on {loaded.provenance.measured_on}: {len(loaded)} images")
    print(f"accuracy {(loaded.probs.argmax(1) == loaded.target.argmax(1)).mean():.1%}")
    subprocess.run([sys.executable, "-m", "mien", "report", result, "--out", page], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/write_report.py RESULT PAGE")
    try:
        main(*sys.argv[1:])
    except mien.MienError as error:
        sys.exit(str(error))
