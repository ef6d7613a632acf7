"""The service beside the pipeline it runs: photos per second, times of requests, and what a killed process costs.

    python benchmarks/serve.py [--quick]      -> results/bench/serve.json

`mien serve` and `Pipeline().predict(paths)` take turns on the same cores with the same photos, JPEGs of 1280 x 960
with one to four faces.  The service is asked by 8 clients, each of which sends a photo when it has the rows of the last
(full load), and then at half the rate that this gave, evenly spread.  CPU time is that of all its processes; its
clients' is not in it, but they take of the same cores.  Then one client sends a photo byte by byte meanwhile, and then
the decoder and the reader in use are killed: the time until the next photo is read.
"""

import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from bench import fixtures, interleave
from bench.environment import alone, facts, keep, load

CLIENTS = 8
PACKAGES = ("numpy", "onnxruntime", "fastapi", "uvicorn")
BOUNDARY = "photo"
KINDS = {"decoder": "mien.serving.decoding", "reader": "mien.serving.reading"}


class Server:
    """`mien serve` on a free port, and the processes that it started."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self._port, self._process = port, process

    def ask(self, photo: bytes) -> float:
        """Return the seconds from a photo to its rows."""
        begin = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/v1/predict", _form(photo), headers)
        response = connection.getresponse()
        rows = json.loads(response.read())
        connection.close()
        if response.status != 200:
            raise OSError(rows["error"]["code"])
        return time.perf_counter() - begin

    def trickle(self, photo: bytes, stopped: threading.Event) -> None:
        """Send a photo byte by byte until it is stopped."""
        form = _form(photo)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.putrequest("POST", "/v1/predict")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(len(form)))
        connection.endheaders()
        for k in range(len(form)):
            connection.send(form[k : k + 1])
            if stopped.wait(0.01):
                return connection.close()

    def cpu(self) -> float:
        """Return the processor time of all processes so far, in seconds."""
        times = [process.cpu_times() for process in self._all()]
        return sum(one.user + one.system for one in times)

    def megabytes(self) -> float:
        """Return the memory of all processes, what they share counted once."""
        return sum(process.memory_full_info().pss for process in self._all()) / 1e6

    def kill(self, kind: str) -> None:
        """End the process of a kind that has worked most."""
        found = [one for one in self._process.children() if KINDS[kind] in one.cmdline()]
        os.kill(max(found, key=lambda one: one.cpu_times().user).pid, signal.SIGKILL)

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


def _form(photo: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n'
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


@contextmanager
def served() -> Iterator[Server]:
    """Start the service; it is ready in the block."""
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--rate", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        line = next(line for line in process.stderr if "http://" in line)
        threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
        server = Server(int(line.split("127.0.0.1:")[1].split("/")[0].split()[0]), psutil.Process(process.pid))
        try:
            yield server
        finally:
            process.send_signal(signal.SIGINT)


def full(server: Server, photos: Sequence[bytes]) -> dict[str, Any]:
    """Read photos for 8 clients at once; return the clock's time, CPU time and each request's time."""
    cpu, begin = server.cpu(), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        seconds = list(clients.map(server.ask, photos))
    return {"wall": time.perf_counter() - begin, "cpu": server.cpu() - cpu, "seconds": seconds}


def paced(server: Server, photos: Sequence[bytes], rate: float) -> list[float]:
    """Send photos at a steady rate, whatever the replies take; return each request's time."""
    with ThreadPoolExecutor(4 * CLIENTS) as clients:
        begin, sent = time.perf_counter(), []
        for k, photo in enumerate(photos):
            time.sleep(max(0.0, begin + k / rate - time.perf_counter()))
            sent.append(clients.submit(server.ask, photo))
        return [one.result() for one in sent]


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the middle and the 99th percentile in ms."""
    return {"p50_ms": 1e3 * statistics.median(seconds), "p99_ms": 1e3 * statistics.quantiles(seconds, n=100)[98]}


def beside_a_slow_client(server: Server, photos: Sequence[bytes], rate: float) -> list[float]:
    """Return each request's time while one client sends a photo byte by byte."""
    stopped = threading.Event()
    slow = threading.Thread(target=server.trickle, args=(photos[0], stopped))
    slow.start()
    try:
        return paced(server, photos, rate)
    finally:
        stopped.set()
        slow.join()


def recovery(server: Server, kind: str, photo: bytes) -> float:
    """Return the seconds from a kill to the rows of the next photo that is read."""
    server.kill(kind)
    begin = time.perf_counter()
    while True:
        try:
            server.ask(photo)
        except OSError:
            time.sleep(0.01)
        else:
            return time.perf_counter() - begin


def turns(server: Server, own: interleave.Worker, paths: list[str], rounds: int) -> dict[str, Any]:
    """Let both read the photos in turn; return photos per second, CPU ms per photo and the ratios."""
    photos, count = [Path(path).read_bytes() for path in paths], len(paths)
    ours, direct = [], []
    for _ in range(rounds):
        ours.append(full(server, random.sample(photos, count)))
        direct.append(own.ask(do="folder", paths=paths))
    rows = [
        {"system": name, "photos_per_second": count / one["wall"], "cpu_ms": 1e3 * one["cpu"] / count}
        for name, one in (
            (name, interleave.median([{key: row[key] for key in ("wall", "cpu")} for row in some]))
            for name, some in (("mien serve", ours), ("Pipeline.predict", direct))
        )
    ]
    ratios = [there["wall"] / here["wall"] for here, there in zip(ours, direct, strict=True)]
    seconds = [second for one in ours for second in one["seconds"]]
    return {"rows": rows, "throughput": statistics.median(ratios), "full": quantiles(seconds)}


def main(quick: bool) -> None:
    """Measure and keep."""
    count, rounds = (8, 1) if quick else (100, 5)
    with tempfile.TemporaryDirectory() as scratch, interleave.progress("serve", 5) as step:
        step("making photos")
        paths = [str(path) for path in fixtures.photos(Path(scratch), count)]
        photos = [Path(path).read_bytes() for path in paths]
        before = load()
        with served() as server, interleave.mien("images") as own:
            full(server, photos[:CLIENTS])
            own.ask(do="folder", paths=paths[:4])
            step("turns")
            report = {"photos": count, "rounds": rounds, "clients": CLIENTS, **turns(server, own, paths, rounds)}
            rate = report["rows"][0]["photos_per_second"] / 2
            step("half load")
            report["half"] = {"rate": rate, **quantiles(paced(server, photos, rate))}
            step("a slow client")
            report["slow"] = {"rate": rate, **quantiles(beside_a_slow_client(server, photos, rate))}
            report["megabytes"] = server.megabytes()
            step("killed processes")
            report["recovery_seconds"] = {
                kind: max(recovery(server, kind, photos[0]) for _ in range(1 if quick else 5)) for kind in KINDS
            }
    keep("serve", {**facts(quick, PACKAGES), "load": [before, load()], **report})


if __name__ == "__main__":
    alone(main, __doc__)
