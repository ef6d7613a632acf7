"""What archives cost beside the plain command: child processes, a Ray cluster, and the listing before the first row.

    python benchmarks/scale.py [--images 1000] [--repeats 2]      -> results/scale.json, results/SCALE.md
    python benchmarks/scale.py --page                            SCALE.md alone, from what all benchmarks kept

Images are copies of a photograph in a package: Grace Hopper, JPEG 512 x 600, one face (matplotlib).  Each system is a
process of its own, and they take turns.  `cpu` is that of all its processes: of Ray also of its node, which is
started before and whose start is a figure of its own.  Ray listens beyond loopback, so it runs in a network namespace,
and only where it is installed.  Listings are of empty files; no image is read.
"""

import argparse
import importlib.util
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
from bench import training
from bench.environment import facts, load
from bench.scale_page import page
from PIL import Image

from mien.html.page import count

RESULTS = Path(__file__).parents[1] / "results"
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
LISTED = (1_000, 10_000, 100_000)
RAY = "Ray on 2 cores"
SYSTEMS = {
    "plain command": ("--format", "parquet"),
    "this process": ("--shards", "out", "--workers", "0"),
    "1 child process": ("--shards", "out", "--workers", "1"),
    "2 child processes": ("--shards", "out", "--workers", "2"),
}
LOOPBACK = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh", b"lo", 0x49))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
ON_RAY = """
import json, os, sys, time
from pathlib import Path

def used():  # seconds of the processor in all processes of this network namespace
    own, ticks = os.readlink("/proc/self/ns/net"), 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns/net") == own:
                ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")

begun = time.perf_counter()
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": int(sys.argv[1]), "include_dashboard": False})
started, before = time.perf_counter(), used()
import ray
ray.init(address=cluster.address, log_to_driver=False)  # here, so that the run leaves the workers to be counted
import mien.scale.run as scale
from mien.scale.settings import Settings
scale.MIN_FOR_RAY = 0
summary = scale.run(scale.Request([sys.argv[2]], "out", Settings({}), ray=cluster.address))
done, after = time.perf_counter(), used()
assert summary.runner == "ray" and not summary.failures, summary
ray.shutdown()
cluster.shutdown()
print(json.dumps({"start": started - begun, "wall": done - started, "cpu": after - before}))
"""


def photos(folder: Path, number: int) -> Path:
    """Write copies of the photograph."""
    made = folder / f"photos-{number}"
    made.mkdir(parents=True)
    for k in range(number):
        shutil.copy(PHOTO, made / f"IMG_{k:06}.jpg")
    return made


def command(words: tuple[str, ...], source: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of one run of `mien predict`: the clock's and those of all its processes."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    full = [sys.executable, "-m", "mien", "predict", str(source), *words]
    subprocess.run(full, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(path.stat().st_size for path in (folder / "out" / "shards").glob("*.parquet"))
    return {"wall": time.perf_counter() - begun, "cpu": cpu, "load": load(), **({"bytes": size} if size else {})}


def on_ray(cores: int, source: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of one run on a cluster of one node, and those of its start."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    words = ["unshare", "-n", sys.executable, "-c", LOOPBACK, "-c", ON_RAY, str(cores), str(source)]
    shown = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
    return {**json.loads(shown.splitlines()[-1]), "load": load()}


def fixed_cost(folder: Path) -> list[dict[str, Any]]:
    """Return runs of one child process and of Ray, on few and many images: what Ray costs before the first."""
    rows = []
    for images in (1, 300):
        source = photos(folder / "fixed", images)
        for system, run in (
            ("1 child process", partial(command, SYSTEMS["1 child process"])),
            (RAY, partial(on_ray, 2)),
        ):
            rows.append({"system": system, "images": images, **run(source, folder)})
    return rows


def row_bytes(folder: Path, number: int = 200) -> dict[str, int]:
    """Return the bytes of the shards of different images: crops of the photograph, turned."""
    made = folder / "different"
    made.mkdir()
    with Image.open(PHOTO) as photo:
        for k in range(number):
            photo.crop((k % 20, k // 20, 500 + k % 20, 590 + k // 20)).rotate(k / 40 - 2.5).save(made / f"{k}.jpg")
    command(SYSTEMS["this process"], made, folder)
    return {"rows": number, "bytes": sum(one.stat().st_size for one in (folder / "out" / "shards").glob("*.parquet"))}


def listing(folder: Path, number: int) -> dict[str, float]:
    """Return seconds and MiB of listing empty files and making blocks of them, in a process of its own."""
    made = folder / f"empty-{number}"
    for k in range(number):
        below = made / f"{k // 1000:04}"
        if k % 1000 == 0:
            below.mkdir(parents=True)
        (below / f"IMG_{k:08}.jpg").touch()
    code = """
import json, resource, sys, time
from mien.inference.media.sources import Skipped
from mien.scale.listing import listed
from mien.scale.work import blocks
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
made = list(blocks(listed([sys.argv[1]], "/nowhere", Skipped()), 200, "s"))
seconds, after = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"cpu": seconds, "mib": (after - before) / 1024, "blocks": len(made)}))
"""
    shown = subprocess.run([sys.executable, "-c", code, str(made)], check=True, capture_output=True, text=True).stdout
    shutil.rmtree(made)
    return {"files": number, **json.loads(shown)}


def measured(number: int, repeats: int) -> dict[str, Any]:
    """Return all rows; every repeat lets all systems run once, on all images and on one."""
    rows: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = {images: photos(folder, images) for images in (1, 100, number)}
        ray = importlib.util.find_spec("ray") is not None
        for _ in range(repeats):
            for images, source in sources.items():
                runs = {system: command(words, source, folder) for system, words in SYSTEMS.items()}
                if ray:
                    runs |= {f"Ray on {count(cores, 'core')}": on_ray(cores, source, folder) for cores in (1, 2)}
                for system, run in runs.items():
                    row = rows.setdefault(f"{system}|{images}", {})
                    for key, value in run.items():
                        row.setdefault(key, []).append(value)
        fixed = fixed_cost(folder) if ray else []
        listings, row = [listing(folder, files) for files in LISTED], row_bytes(folder)
    middle = [
        {"system": key.split("|")[0], "images": int(key.split("|")[1])}
        | {"runs": repeats, **{name: round(statistics.median(values), 3) for name, values in of.items()}}
        for key, of in rows.items()
    ]
    return {
        "repeats": repeats,
        "photo": "grace_hopper.jpg, 512 x 600",
        "rows": middle,
        "listings": listings,
        "row": row,
        "ray": fixed,
    }


def beside(found: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured, and what was before where it was not measured again: Ray may not be installed."""
    before = json.loads((RESULTS / "scale.json").read_text("utf-8"))
    places = [(row["images"], row["system"]) for row in found["rows"]]
    others = [row | {"earlier": True} for row in before["rows"] if (row["images"], row["system"]) not in places]
    rows = sorted([*found["rows"], *others], key=lambda row: row["images"])
    return found | {"rows": rows, "ray": found["ray"] or before["ray"]}


def written() -> str:
    """Return SCALE.md from what this benchmark and others kept."""
    names = ("scale.json", "growth.json", "scale_training.json", "bench/photos.json")
    archives, growth, trained, photos = (json.loads((RESULTS / name).read_text("utf-8")) for name in names)
    return page(archives, growth, training.lines(trained), photos)


def main() -> None:
    """Measure, and write what was measured."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--images", type=int, default=1000)
    arguments.add_argument("--repeats", type=int, default=2)
    arguments.add_argument("--page", action="store_true")
    chosen = arguments.parse_args()
    if not chosen.page:
        found = {"facts": facts(False), **measured(chosen.images, chosen.repeats)}
        (RESULTS / "scale.json").write_text(json.dumps(beside(found), indent=1) + "\n")
    (RESULTS / "SCALE.md").write_text(written())


if __name__ == "__main__":
    main()
