"""`mien demo`: the page with sample photos, opened in a browser."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from . import live


@pytest.mark.slow
def test_the_page_is_opened_with_sample_photos(tmp_path: Path, photos: list[Path]) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    command = [sys.executable, "-m", "mien", "demo"]
    environment = {**os.environ, "BROWSER": f"{browser} %s"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + live.WAIT
            while not opened.is_file():
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            address = opened.read_text().strip()
            listed = json.loads(urllib.request.urlopen(f"{address}/samples.json").read())
            assert [one["name"] for one in listed] == [path.name for path in photos[:2]]
            first = urllib.request.urlopen(address + listed[0]["url"]).read()
            assert first == photos[0].read_bytes()
            assert b'src="/page/js/app.js"' in urllib.request.urlopen(address).read()
        finally:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=live.WAIT)
    assert said == f"mien: {address} (Ctrl-C stops)\n"  # and no line per file
    assert address.startswith("http://127.0.0.1:")
