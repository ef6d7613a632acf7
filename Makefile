# Everything starts here; python3 and make are all that a machine needs.
#   make demo      the main job, on real photos, with the shipped weights (no torch is installed)
#   make test      the test suite            make test-all   with the slow tests
#   make check     formatting, lint, types, documentation
#   make docs      docs/build/index.html     make bench      side-by-side speed
#   make measures  the networks of `mien predict --measures`, which demo and test make too
#   make page      onnxruntime-web for the page of `mien serve`, which demo and test fetch too
#   make browser   the pages in a real Chromium, installed where apt can
PYTHON ?= python3
USE := .venv
DEV := .venv-dev
FILES := src/mien/inference/measures/files
VENDOR := src/mien/serving/page/vendor
ONE := OMP_NUM_THREADS=1# tiny nets train faster on one thread, whatever else the machine does
TWO := -n 2 --dist worksteal# processes of the test suite
PIP_PLAIN := -m pip install --quiet --disable-pip-version-check
PIP := $(PIP_PLAIN) --constraint constraints.txt

.PHONY: demo test test-all check docs browser bench peers measures page clean

demo: $(USE)/ready measures page
	$(USE)/bin/python examples/demo.py demo

test: $(DEV)/ready measures page
	$(ONE) $(DEV)/bin/python -m pytest $(TWO)

test-all: $(DEV)/ready measures page
	$(ONE) $(DEV)/bin/python -m pytest -m "slow or not slow"

check: $(DEV)/ready docs
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy

# Strict: a warning, a link to a page or heading that is missing, or an unknown name is an error.  Nothing is fetched.
docs: $(DEV)/ready
	$(DEV)/bin/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env docs docs/build

browser: $(DEV)/ready measures page
	command -v chromedriver >/dev/null || apt-get install -y --no-install-recommends chromium chromium-driver
	$(ONE) $(DEV)/bin/python -m pytest tests/evaluation/report/test_browser.py $(patsubst %,tests/serving/test_%.py,page page_looks parity reader arithmetic)

bench: $(DEV)/ready measures page
	$(DEV)/bin/python benchmarks/run.py

# What `make bench` and results/PEERS.md measure against, each in an environment of its own.
peers:
	-command -v npm >/dev/null && npm --prefix benchmarks/peers install --no-audit --no-fund --ignore-scripts
	$(PYTHON) -m venv .venv-fer
	.venv-fer/bin/python $(PIP_PLAIN) torch==2.13.0 fer==25.10.3 "setuptools<81" "opencv-contrib-python>=4.12,<5"
	$(PYTHON) -m venv .venv-mediapipe
	-.venv-mediapipe/bin/python $(PIP_PLAIN) mediapipe==0.10.21 ai-edge-litert==2.3.0

measures: $(FILES)/SHA256SUMS

page: $(VENDOR)/SHA256SUMS

clean:
	rm -rf $(USE) $(DEV) .venv-fer .venv-mediapipe .venv-convert benchmarks/peers/node_modules demo docs/build
	rm -rf $(FILES)/*.onnx $(FILES)/SHA256SUMS $(VENDOR)

# An environment is complete when its `ready` file is newer than what it was made from.
$(USE)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(USE)
	$(USE)/bin/python $(PIP) --editable ".[demo]"
	touch $@

$(DEV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python $(PIP) torch
	$(DEV)/bin/python $(PIP) --editable ".[dev]"
	touch $@

# Where the packages cannot be had this makes nothing, says so and is tried again the next time.
$(FILES)/SHA256SUMS: $(wildcard conversion/*.py) conversion/requirements.txt conversion/SHA256SUMS
	$(PYTHON) conversion

$(VENDOR)/SHA256SUMS: conversion/page.py conversion/packages.py conversion/PAGE_SHA256SUMS
	$(PYTHON) conversion/page.py
