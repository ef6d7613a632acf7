"""The int8 variant of an ONNX file: weights and activations, per channel, calibrated on training images."""

import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from mien.errors import OutputError
from mien.inference.onnx import quantization
from mien.training.held import Held, crops
from mien.training.onnx_pooling import pools_as_convolutions

CALIBRATED_ON = 512
"""At most about this many training images, evenly spaced."""

AT_ONCE, BATCH_PIXELS = 8, 300_000
"""Batches that are calibrated on together, and pixels of one of them at most."""


def quantise(path: Path, small: Path, train: Held) -> bool:
    """Write the int8 variant of a file; False for a network without a convolution, which gains nothing.

    `train` are training images uint8 (N, C, S, S).  OutputError when the disk is full.
    """
    ort = quantization()
    try:
        with tempfile.TemporaryDirectory(dir=small.parent) as folder:
            prepared = Path(folder) / "prepared.onnx"
            ort.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            stem = next((node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv"), None)
            if stem is None:
                return False
            _write(prepared, small, stem, train)
            pools_as_convolutions(small)
    except DecodeError:  # onnxruntime does not report a full disk, and then reads its own partial file
        raise OutputError(f"{small.name} cannot be written: no space left in {path.parent.parent}") from None
    return True


def _write(prepared: Path, small: Path, stem: str, train: Held) -> None:
    """Calibrate and write, the convolution `stem` in float."""
    ort = quantization()
    picked = train[:: max(1, len(train) // CALIBRATED_ON)]
    batches = calibration_batches(len(picked), train.shape[-1])

    class Crops(ort.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.set_range(0, len(batches))

        def __len__(self) -> int:
            return len(batches)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.left = iter(batches[start_index:end_index])

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self.left, None)
            return None if batch is None else {"crops": crops(picked[batch]).numpy()}

    with redirect_stdout(StringIO()):  # it prints its histograms
        ort.quantize_static(
            str(prepared),
            str(small),
            Crops(),
            per_channel=True,
            op_types_to_quantize=["Conv", "Gemm"],  # sums stay in float: cheaper than converting twice
            nodes_to_exclude=[stem],  # one input channel: no gain in speed, half a point of accuracy lost
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            reduce_range=True,  # 7 bits: products of 8 overflow on x86 processors without VNNI
            calibrate_method=ort.CalibrationMethod.Percentile,  # one value in 100,000 must not coarsen the rest
            extra_options={
                "CalibPercentile": 99.999,
                **({"CalibStridedMinMax": AT_ONCE} if len(batches) > 2 * AT_ONCE else {}),
            },
        )


def calibration_batches(count: int, side: int) -> list[slice]:
    """Return batches of equal length, as histograms need them, of `count` images of a side in pixels.

    All that a network computes for AT_ONCE batches is in memory together: large images come in more and smaller ones.

    >>> len(calibration_batches(512, 48)), len(calibration_batches(512, 224))
    (8, 96)
    """
    size = max(1, min(count // AT_ONCE, BATCH_PIXELS // side**2))
    batches = [slice(k, k + size) for k in range(0, count - size + 1, size)]
    return batches if len(batches) <= 2 * AT_ONCE else batches[: len(batches) // AT_ONCE * AT_ONCE]
