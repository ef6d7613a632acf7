"""The in-browser reader in a real Chromium: what it refuses, and that it goes on afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mien.serving.settings import Settings

from . import live
from .test_parity import NANO

pytestmark = live.made

# `reader` is open, `pixels()` a portrait, `read(name, options)` a prediction; the body returns what the test looks at,
# or the code of the failure.
RUN = """
const [done] = arguments;
async function run() {
  const { BrowserReader } = await import("/page/js/reader.js");
  const { decode } = await import("/page/js/image.js");
  const pixels = async (name = "astronaut.png") => decode(await (await fetch(`/samples/${name}`)).blob());
  const reader = window.reader ??= await BrowserReader.open();
  const read = async (source, options) => reader.read(await pixels(source), { weights: "%s", source, ...options });
  %s
}
run().then(done, (error) => done(`${error.code ?? error.stack}`));
"""

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(chromium: Any, photos: list[Path]) -> Iterator[Run]:
    """Run the body of a function in the page; a failure gives its code."""
    chromium.set_script_timeout(120)
    with live.running(Settings(rate=0), {path.name: path for path in photos}, files_only=True) as server:
        chromium.get(f"{server.url}/samples.json")
        yield lambda body: chromium.execute_async_script(RUN % (NANO, body))


@pytest.mark.parametrize("name", ["'gone'", "'../../etc/passwd'", "''", "'yunet'", "undefined"])
def test_weights_that_are_not_there(run: Run, name: str) -> None:
    assert run(f"return read('astronaut.png', {{ weights: {name} }})") == "weights_not_found"


@pytest.mark.parametrize(
    "options",
    [
        *("abstain: NaN", "abstain: -1", "abstain: 1.5", "abstain: 'much'", "abstain: '0.5'"),
        *("prior: 'posed'", "prior: {}", "detector: 0", "detector: NaN", "detector: -320"),
    ],
)
def test_options_that_are_none(run: Run, options: str) -> None:
    assert run(f"return read('astronaut.png', {{{options}}})") == "bad_request"
    assert run("return (await read('astronaut.png')).faces[0].expression") == "happiness"


@pytest.mark.parametrize("abstain", ["null", "undefined", "0", "1", "'auto'"])
def test_abstaining(run: Run, abstain: str) -> None:
    read = f"return (await read('astronaut.png', {{abstain: {abstain}}})).faces.map((face) => face.abstained)"
    assert run(read) == [abstain == "1"]


def test_a_file_that_is_no_image(run: Run) -> None:
    assert run("return decode(new Blob(['no image']))") == "unreadable"
    blank = "const canvas = new OffscreenCanvas(5001, 5000); canvas.getContext('2d');"
    assert run(f"{blank} return decode(await canvas.convertToBlob({{ type: 'image/jpeg' }}))") == "too_large"


def test_a_bitmap_is_read_as_its_pixels(run: Run) -> None:
    same = run(
        "const weights = 'ferplus', options = { weights, source: 'astronaut.png' };"
        "const [plain, drawn] = [await read('astronaut.png', options), await createImageBitmap(await pixels())];"
        "const other = await reader.read(drawn, options);"
        "return [JSON.stringify(plain) === JSON.stringify(other), drawn.width, reader.ms > 0]"
    )
    assert same == [True, 0, True]


@pytest.mark.parametrize(("width", "height", "count"), [(2, 2, 15), (0, 0, 0), (2, 1, 16)])
def test_pixels_that_are_not_all_there(run: Run, width: int, height: int, count: int) -> None:
    image = f"{{ width: {width}, height: {height}, data: new Uint8ClampedArray({count}) }}"
    assert run(f"return reader.read({image}, {{ weights: 'ferplus-nano' }})") == "bad_request"


def test_reads_at_once_do_not_mix(run: Run) -> None:
    body = (
        "const names = ['astronaut.png', 'coffee.png', 'grace_hopper.jpg', 'coffee.png', 'astronaut.png'];"
        "const all = await Promise.all(names.map((name) => read(name)));"
        "return all.map(({ source, width, faces }) => [source, width, faces.length])"
    )
    small, none, large = ["astronaut.png", 512, 1], ["coffee.png", 600, 0], ["grace_hopper.jpg", 512, 1]
    assert run(body) == [small, none, large, none, small]


def test_reads_with_different_weights_do_not_mix(run: Run) -> None:
    """Asked at once, with more weights than are held, on one reader and in turn."""
    body = (
        "const names = ['ferplus', 'fer2013', 'ferplus-nano', 'fer2013-nano', 'ferplus'];"
        "const one = async (weights) => JSON.stringify((await read('astronaut.png', { weights })).faces[0].probs);"
        "const turns = []; for (const name of names) turns.push(await one(name));"
        "return [await Promise.all(names.map(one)), turns, new Set(turns).size]"
    )
    at_once, in_turn, different = run(body)
    assert at_once == in_turn
    assert different == 4


def test_pixels_are_given_away(run: Run) -> None:
    given = "const one = await pixels(); await reader.read(one, { weights: 'ferplus-nano' }); return one.data.length"
    assert run(given) == 0


def test_a_closed_reader_fails_what_waits(run: Run) -> None:
    body = (
        "const other = await BrowserReader.open();"
        "const one = async () => other.read(await pixels(), { weights: 'ferplus' });"
        "const waiting = other.ask({ kind: 'open' }); other.close(); %s; return 'read'"
    )
    assert run(body % "await waiting") == "unexpected"
    assert run(body % "await waiting.catch(() => 0); await one()") == "unexpected"


@pytest.mark.parametrize(
    "lost",
    [
        "/page/vendor/ort.wasm.min.mjs",
        pytest.param("/page/vendor/ort-wasm-simd-threaded.wasm", marks=pytest.mark.slow),
        pytest.param("/weights/yunet.onnx", marks=pytest.mark.slow),
    ],
)
def test_files_that_are_not_installed(chromium: Any, lost: str) -> None:
    with live.running(Settings(rate=0), without=lost, files_only=True) as server:
        chromium.get(f"{server.url}/samples.json")
        assert chromium.execute_async_script(RUN % (NANO, "return 'open'")) == "missing_vendor"
