"""Reads `photos` into shards on a Ray cluster of three nodes on this machine, with a fault; prints the summary.

    python on_a_cluster.py none|worker|node|driver|object_store|poison

Run it in a network namespace: Ray listens beyond loopback.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mien.scale.run as scale
from mien.scale.run import Request, run
from mien.scale.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # of the nodes
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ROOM = 80_000_000  # bytes of each node's object store


def request(address: str, settings: type[Settings] = Settings) -> Request:
    return Request(["photos"], "out", settings({"weights": "ferplus-nano"}), block=6, ray=address)


def after(number: int, fault: Callable[[], None]) -> None:
    """Do something once there are shards, while the run goes on."""

    def wait() -> None:
        while len(list(Path("out/shards").glob("*.parquet"))) < number:
            time.sleep(0.01)
        fault()

    threading.Thread(target=wait, daemon=True).start()


def kill_workers() -> None:
    """Kill what reads: Ray's worker processes that have a block, not their children."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            name = path.read_bytes()
        except OSError:
            continue
        if b"ray::read_block" in name:
            os.kill(int(path.parent.name), signal.SIGKILL)


def fill(address: str) -> Any:
    """Fill the object stores; what is returned keeps them full."""
    import ray

    ray.init(address=address, log_to_driver=False)
    held = [ray.put(np.zeros(ROOM // 10, np.uint8)) for _ in range(9)]
    return held


def lose_driver(address: str) -> None:
    """Run the whole in another process and kill it."""
    with subprocess.Popen([sys.executable, __file__, "child", address]) as driver:
        while len(list(Path("out/shards").glob("*.parquet"))) < 2:
            assert driver.poll() is None
            time.sleep(0.01)
        driver.kill()


def main(fault: str) -> None:
    import ray
    from ray.cluster_utils import Cluster

    scale.MIN_FOR_RAY = 0
    if fault == "child":
        run(request(sys.argv[2]))
        return
    node = {"num_cpus": 1, "object_store_memory": ROOM, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=ROOM) for _ in range(2)]
    address, settings, held = cluster.address, Settings, None
    if fault == "worker":
        after(2, kill_workers)
    elif fault == "node":
        after(2, lambda: cluster.remove_node(nodes[0], allow_graceful=False))
    elif fault == "driver":
        lose_driver(address)
    elif fault == "object_store":
        held = fill(address)
    elif fault == "poison":
        from poison import KILLS, Poisoned

        Image.fromarray(np.zeros((24, KILLS, 3), np.uint8)).save("photos/poison.png")
        settings = Poisoned
    summary = run(request(address, settings))
    del held
    print(json.dumps(summary.to_dict()))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
