"""`import mien`: the public names, and that they cost nothing until they are used."""

import subprocess
import sys

import pytest

import mien

VALUES = "Card Comparison Evaluation Face Limits Prediction Predictions Result Run Samples Scores"
FUNCTIONS = "Client Pipeline compare decode evaluate explain load train"


def test_the_public_api_changes_only_on_purpose() -> None:
    assert sorted(mien.__all__) == sorted([*VALUES.split(), *FUNCTIONS.split(), "MienError", "__version__"])


@pytest.mark.parametrize("name", mien.__all__)
def test_public_names(name: str) -> None:
    assert getattr(mien, name) is not None
    assert name in dir(mien)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Smile'"):
        mien.Smile  # noqa: B018


def test_the_use_side_needs_no_torch() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import mien; took = time.perf_counter() - start;"
        "assert not {'numpy', 'cv2', 'torch'} & set(sys.modules); mien.Pipeline(); print('torch' in sys.modules, took)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    torch, seconds = done.stdout.split()
    assert torch == "False"
    assert float(seconds) < 0.3
    assert done.stderr == ""
