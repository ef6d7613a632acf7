"""Nothing leaves the machine, and nothing is written where nobody looks: every command under strace.

A fresh home folder, a fresh folder for temporary files and no setting of the user's; then each call to the system that
opens a socket or writes is read from the trace.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

SRC = Path(__file__).parents[2] / "src"
CALLS = "network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate"
STRACE = ["strace", "-f", "--seccomp-bpf", "-qq"]  # the filter stops a process at the traced calls alone
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^\w*(creat|mkdir|rename|link|truncate)\w*\(")
NOWHERE = ("/dev/", "/proc/self/")
CACHES = ("ORT_DISABLE_TELEMETRY", "MIEN_CACHE", "MIEN_DATA", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR", "TORCH_HOME")
PLAYLISTS = {  # local files of text that name an address: a reader of videos could follow it
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "concat.mkv": "ffconcat version 1.0\nfile http://127.0.0.1:9/a.mp4\n",
    "session.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
}
ADDRESSES = ("http://127.0.0.1:9/a.mp4", "https://127.0.0.1:9/a.jpg", "rtsp://127.0.0.1:9/a", "udp://127.0.0.1:9")
PIPELINE = """
import sys, time, numpy as np
from mien import Pipeline
pipeline, end = Pipeline(), time.monotonic() + float(sys.argv[1])
while True:
    pipeline(np.zeros((64, 64, 3), np.uint8))
    if time.monotonic() > end:
        break
    time.sleep(1)
"""

SERVED = """
import os, signal, sys, threading, time, urllib.request
from mien import Client
from mien.cli import main

address = f"http://127.0.0.1:{sys.argv[1]}"

def use():
    try:
        while not is_ready():
            time.sleep(0.1)
        with Client(address) as client:
            print(client.predict("photo.jpg"), file=sys.stderr)
        urllib.request.urlopen(address).read()
    finally:
        os.kill(os.getpid(), signal.SIGINT)

def is_ready():
    try:
        return urllib.request.urlopen(address + "/readyz").status == 200
    except OSError:
        return False

threading.Thread(target=use).start()
sys.argv[1:] = ["serve", "--port", sys.argv[1]]
main()
"""


@dataclass(frozen=True)
class Trace:
    """What a process asked the system for: lines that name an internet address family, and paths written to."""

    code: int
    stderr: str
    internet: list[str]
    written: set[str]


def allowed() -> str:
    """Return why nothing can be traced here, or nothing."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run([*STRACE, "-e", "trace=network", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace cannot trace here: {tried.stderr.strip()[:100]}"


@pytest.fixture(scope="module")
def can_trace() -> None:
    if why := allowed():
        pytest.skip(why)


@pytest.fixture
def trace(can_trace: None, tmp_path: Path) -> Callable[..., Trace]:
    """A function that runs Python with these words in `tmp_path`, its home and temporary folder below it and empty."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()

    def run(*words: object) -> Trace:
        kept = {k: v for k, v in os.environ.items() if k not in CACHES and not k.startswith("XDG_")}
        own = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(SRC)}
        environment = {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        log = tmp_path / "trace.log"
        command = [*STRACE, "-s", "300", "--signal=none", "-e", f"trace={CALLS}", "-o", str(log)]
        done = subprocess.run(
            [*command, sys.executable, *map(str, words)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line.partition(" ")[2].strip() for line in log.read_text(errors="replace").splitlines()]
        written = {path for line in lines for path in _targets(line)}
        return Trace(done.returncode, done.stderr, [line for line in lines if "AF_INET" in line], written)

    return run


def _targets(line: str) -> list[str]:
    """Return the absolute paths that a call has written to, relative ones joined to "."."""
    if not WRITES.search(line) or " = -1 " in line or not re.match(r"\w+\((AT_FDCWD, )?\"", line):
        return []
    return re.findall(r'"((?:[^"\\]|\\.)*)"', line)


def elsewhere(trace: Trace, place: Path, *names: str) -> set[str]:
    """Return what was written outside of these names below `place`, the cache and the temporary folder."""
    roots = tuple(str(place / name) for name in (*names, "home/.cache/mien", "tmp"))
    resolved = {os.path.normpath(place / path) for path in trace.written}
    made = {str(place / "home"), str(place / "home/.cache")}  # the way to the cache
    return {path for path in resolved - made if not path.startswith((*roots, *NOWHERE))}


def home(place: Path) -> set[str]:
    return {path.relative_to(place / "home").as_posix() for path in (place / "home").glob(".*/*")}


def check(found: Trace, place: Path, *names: str, code: int = 0) -> None:
    assert found.code == code, found.stderr
    assert found.internet == []
    assert elsewhere(found, place, *names) == set()
    assert home(place) <= {".cache/mien"}
    assert list((place / "tmp").iterdir()) == []


@pytest.fixture
def media(tmp_path: Path) -> list[str]:
    """A photo, a clip and files that name addresses, in the folder that is current for the traced process."""
    import av
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.jpg")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())
    for name, text in PLAYLISTS.items():
        (tmp_path / name).write_text(text)
    return ["photo.jpg", "clip.mp4"]


def test_the_trace_sees_sockets_and_files(trace: Callable[..., Trace], tmp_path: Path) -> None:
    code = "import socket; socket.socket(); open('home/x', 'w'); import os; os.mkdir('tmp/y')"
    found = trace("-c", code)
    assert found.internet[0].startswith("socket(AF_INET")
    assert elsewhere(found, tmp_path) == {str(tmp_path / "home/x")}
    with pytest.raises(AssertionError):
        check(found, tmp_path)


def test_predict(trace: Callable[..., Trace], media: list[str], tmp_path: Path) -> None:
    found = trace("-m", "mien.cli", "predict", *media, "--out", "result", "--format", "parquet")
    check(found, tmp_path, "result")


def test_predict_follows_no_address(trace: Callable[..., Trace], media: list[str], tmp_path: Path) -> None:
    words = [*PLAYLISTS, *ADDRESSES]
    found = trace("-m", "mien.cli", "predict", *words, "--out", "result", "--format", "csv")
    check(found, tmp_path, "result", code=2)
    assert (tmp_path / "result/predictions.csv").read_text().count("\n") == len(words) + 1


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "s3://bucket/a.parquet", "hdfs://127.0.0.1:9/b.parquet"),
        ("predict", "photo.jpg", "--weights", "http://127.0.0.1:9/x.onnx"),
        ("evaluate", "fer2013-nano", "--root", "gs://bucket/x"),
    ],
    ids=lambda words: words[0],
)
def test_an_address_is_no_file(trace: Callable[..., Trace], tmp_path: Path, words: tuple[str, ...]) -> None:
    found = trace("-m", "mien.cli", *words)
    check(found, tmp_path, code=2)
    assert "URI" not in found.stderr


def test_evaluate(trace: Callable[..., Trace], tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ("evaluate", "fer2013-nano", "--root", tiny_fer2013, "--split", "val", "--out", "result")
    check(trace("-m", "mien.cli", *words), tmp_path, "result")


def test_stress(trace: Callable[..., Trace], tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ("stress", "fer2013-nano", "--root", tiny_fer2013, "--images", "4", "--out", "result")
    check(trace("-m", "mien.cli", *words), tmp_path, "result")


def test_figures_bring_no_cache_of_fonts(trace: Callable[..., Trace], tmp_path: Path) -> None:
    code = "import pathlib, mien.experiments.figures as f; f.save(f.canvas(2, 2), pathlib.Path('result/a.svg'))"
    found = trace("-c", code)
    check(found, tmp_path, "result")
    assert any("cache/mien/matplotlib" in path for path in found.written)


def trained(trace: Callable[..., Trace], recipe: str, root: Path, place: Path, *words: str) -> None:
    pytest.importorskip("torch", reason="training needs mien[train]")
    check(trace("-m", "mien.cli", "train", recipe, "--root", root, "--out", "runs", *words), place, "runs")


def test_train(trace: Callable[..., Trace], tiny_fer2013: Path, tmp_path: Path) -> None:
    trained(trace, "papers/svm", tiny_fer2013, tmp_path)


@pytest.mark.slow
def test_train_and_quantise(trace: Callable[..., Trace], tiny_fer2013: Path, tmp_path: Path) -> None:
    trained(trace, "papers/cnn2", tiny_fer2013, tmp_path, "epochs=1")


@pytest.mark.parametrize("seconds", [2, pytest.param(65, marks=pytest.mark.slow)])
def test_a_pipeline_kept_alive(trace: Callable[..., Trace], tmp_path: Path, seconds: int) -> None:
    found = trace("-c", PIPELINE, seconds)
    check(found, tmp_path)
    assert home(tmp_path) == set()


@pytest.mark.slow
def test_serve_and_its_client_stay_on_this_machine(
    trace: Callable[..., Trace], media: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'mien[serve]'")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = trace("-c", SERVED, port)
    named = [line for line in found.internet if not line.startswith("socket(")]
    assert any(line.startswith("bind(") for line in named)
    assert any(line.startswith("connect(") for line in named)
    assert [line for line in named if 'inet_addr("127.0.0.1")' not in line] == []
    check(replace(found, internet=[]), tmp_path, code=130)  # of Ctrl-C
    assert "'source': 'photo.jpg'" in found.stderr
