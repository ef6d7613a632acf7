"""The page's private mode in headless Chromium: frames a second of its camera, seconds and bytes to the first face.

    python benchmarks/browser.py [--quick]      -> results/bench/browser.json

Chromium and the server share the machine.  First face: a new browser each time, with nothing kept; the smallest weights
are chosen, a portrait is given once the page has loaded, and the clock runs from the page's load event until the face
is listed.  Bytes are those of the bodies that the server sent until then, compressed as they were sent.  Camera: the
page's own, on a clip of 640x480 with one face that Chromium's fake camera shows; frames are counted for some seconds
after the first faces, some of them read twice where more than the clip's 30 a second are read.  Beside it the reader
alone, one frame after the other, by weights and the detector's long side.  Parity: faces of packages, and of FER2013's
PublicTest where MIEN_DATA has it, on generated images, read by the page's scripts and by the Pipeline with all weights
under the priors natural and uniform.
Needs `make page measures`, chromium and chromedriver.
"""

import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import skimage
from bench import fixtures, interleave
from bench.environment import alone, facts, keep, load
from PIL import Image

from mien.data import load as load_data
from mien.serving.files import PAGE
from mien.serving.settings import Settings

sys.path.append(str(interleave.ROOT))
from tests.serving import images, live, parity  # the server, the browser and the pairs of the page's tests

NANO = "ferplus-nano"
SIZE = (640, 480)
PORTRAIT = Path(skimage.__file__).parent / "data" / "astronaut.png"
FACE = "return document.querySelectorAll('.face h3').length"
CHOOSE = """
for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
const field = document.forms.settings.elements.weights;
field.value = arguments[0];
field.dispatchEvent(new Event("change", { bubbles: true }));
new MutationObserver(() => { if (document.querySelector(".face h3")) window.listed ??= performance.now() })
  .observe(document.body, { childList: true, subtree: true });
"""
LISTED = "return window.listed ? [performance.getEntriesByType('navigation')[0].loadEventEnd, window.listed] : null"
COUNT = """
window.reads = 0;
const send = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...rest) {
  if (message.kind === "read") window.reads++;
  return send.call(this, message, ...rest);
};
document.getElementById("camera").click();
"""
ALONE = """
const [weights, detector, seconds, done] = arguments;
async function run() {
  const { BrowserReader } = await import("/page/js/reader.js");
  const video = Object.assign(document.createElement("video"), { muted: true });
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  await video.play();
  const reader = await BrowserReader.open();
  const one = async () => (await reader.read(await createImageBitmap(video), { weights, detector })).faces.length;
  for (let k = 0; k < 10; k++) await one();
  const times = [];
  let faces = 0;
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    faces += await one();
    times.push(reader.ms);
  }
  const wall = (performance.now() - start) / 1000;
  reader.close();
  video.srcObject.getTracks().forEach((track) => track.stop());
  times.sort((a, b) => a - b);
  return { frames_per_second: times.length / wall, ms: times[times.length >> 1], faces_found: faces / times.length };
}
run().then(done, (error) => done(String(error.stack)));
"""


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of a condition."""
    end = time.monotonic() + live.WAIT
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit("the page shows no face")
        time.sleep(0.01)
    return value


def first(clip: Path, folder: Path) -> dict[str, float]:
    """Return seconds and bytes from the page's load to the first face, in a new browser."""
    with live.running(Settings(rate=0)) as server:
        browser = live.start(clip, folder)
        try:
            browser.get(server.url)
            browser.execute_script(CHOOSE, NANO)
            browser.find_element("id", "files").send_keys(str(PORTRAIT))
            loaded, listed = until(lambda: browser.execute_script(LISTED))
            return {"seconds": (listed - loaded) / 1e3, "loaded": loaded / 1e3, "bytes": server.sent}
        finally:
            browser.quit()


def camera(browser: Any, url: str, seconds: float) -> dict[str, float]:
    """Return frames per second of the page's own camera."""
    browser.get(url)
    browser.execute_script(CHOOSE, NANO)
    browser.execute_script(COUNT)
    until(lambda: browser.execute_script(FACE))
    time.sleep(min(3, seconds))
    before, start = browser.execute_script("return window.reads"), time.perf_counter()
    time.sleep(seconds)
    frames = browser.execute_script("return window.reads") - before
    rate = frames / (time.perf_counter() - start)
    faces = browser.execute_script(FACE)
    browser.execute_script("document.getElementById('clear').click()")
    return {"frames_per_second": rate, "faces_found": faces}


def mjpeg(path: Path, count: int) -> Path:
    """Write what the fake camera shows, over and over."""
    with path.open("wb") as out:
        for frame in fixtures.moving(*SIZE, count, 1, 1 / 2):
            packed = io.BytesIO()
            Image.fromarray(frame).save(packed, "JPEG", quality=90)
            out.write(packed.getvalue())
    return path


def nice() -> int:
    """Return this session's priority: with Linux's autogroups it decides, not that of a process."""
    group = Path("/proc/self/autogroup")
    return int(group.read_text().split()[-1]) if group.is_file() else 0


def compared(browser: Any, folder: Path, quick: bool) -> dict[str, dict[str, float]]:
    """Return how far the page's scripts and the Pipeline agree, by the faces they read."""
    browser.set_script_timeout(1800)
    count = 1 if quick else 8
    faces = {"packages": images.grid(count)}
    if "MIEN_DATA" in os.environ:
        small = load_data("fer2013", Path(os.environ["MIEN_DATA"]), "val").images[..., 0]
        faces["FER2013 PublicTest"] = images.grid(count, small)
    return {name: parity.all_weights(browser, made, folder).figures() for name, made in faces.items()}


def main(quick: bool) -> None:
    """Measure and keep."""
    if not (PAGE / "vendor/SHA256SUMS").is_file() or not shutil.which("chromedriver"):
        print("the page cannot be measured here: `make page measures`, chromium and chromedriver", file=sys.stderr)
        return
    rounds, seconds = (1, 1) if quick else (5, 10)
    before = load()
    with tempfile.TemporaryDirectory() as temporary, interleave.progress("browser", rounds + 6) as step:
        folder = Path(temporary)
        clip = mjpeg(folder / "camera.mjpeg", 30 if quick else 90)
        starts = []
        for _ in range(rounds):
            step("first face")
            starts.append(first(clip, folder))
        rows = []
        with live.running(Settings(rate=0)) as server:
            browser = live.start(clip, folder)
            browser.set_script_timeout(live.WAIT)
            step("camera")
            rows.append({"system": "page", "weights": NANO, "side": 320, **camera(browser, server.url, seconds)})
            for weights, side in ((NANO, 320), (NANO, 640), ("ferplus", 320), ("ferplus", 640)):
                step(f"{weights}, {side}")
                browser.get(f"{server.url}/samples.json")
                measured = browser.execute_async_script(ALONE, weights, side, seconds)
                rows.append({"system": "reader alone", "weights": weights, "side": side, **measured})
            step("parity")
            agreement = compared(browser, folder, quick)
            version = browser.capabilities["browserVersion"]
            browser.quit()
    start = {**interleave.median(starts), "slowest": max(one["seconds"] for one in starts)}
    report = {
        "chromium": version,
        "load": [before, load()],
        "nice": nice(),
        "rounds": rounds,
        "first": start,
        "rows": rows,
        "parity": agreement,
    }
    keep("browser", {**facts(quick), **report})


if __name__ == "__main__":
    alone(main, __doc__)
