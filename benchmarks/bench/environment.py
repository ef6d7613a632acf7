"""How a part of the benchmark is run by itself, what its result says about where it ran, and where it is kept."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.interleave import ROOT

RESULTS, QUICK = ROOT / "results" / "bench", ROOT / "build" / "bench"
PARTS = (
    "faces",
    "video",
    "recorded",
    "photos",
    "measures",
    "folder",
    "cold",
    "serve",
    "browser",
    "ceiling",
    "speedrun",
)
PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "av")


def alone(main: Callable[[bool], None], about: str | None) -> None:
    """Run one part from the command line."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only show that it runs; the figures mean nothing")
    main(parser.parse_args().quick)


def facts(quick: bool, packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Return the processor, the cores and the versions; `quick` marks figures that only show that it runs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "quick": quick,
        "processor": _processor(),
        "cores": cores,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def load() -> float:
    """Return the machine's load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def folder(quick: bool) -> Path:
    """Return where results are kept; those of --quick, which mean nothing, are kept apart and not committed."""
    path = QUICK if quick else RESULTS
    path.mkdir(parents=True, exist_ok=True)
    return path


def keep(part: str, report: dict[str, Any]) -> None:
    """Write what a part measured."""
    text = json.dumps(report, indent=1)
    (folder(report["quick"]) / f"{part}.json").write_text(text + "\n", encoding="utf-8")


def kept(quick: bool) -> dict[str, dict[str, Any]]:
    """Return what every part measured last, by its name; those that never ran are left out."""
    paths = {part: folder(quick) / f"{part}.json" for part in PARTS}
    return {part: json.loads(path.read_text(encoding="utf-8")) for part, path in paths.items() if path.is_file()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
