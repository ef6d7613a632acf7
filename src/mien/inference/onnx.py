"""The one place through which onnxruntime is imported, with its telemetry switched off.

torch.onnx and onnxscript import onnxruntime too; `import mien` switches telemetry off before they do.
A contract test refuses every other import of onnxruntime in this repository.
"""

from importlib import import_module
from typing import Any

from mien import telemetry

off = telemetry.switch_off()  # again: the environment may have been cleared since `import mien`
import onnxruntime  # noqa: E402 - it must find the variable set

if off:
    onnxruntime.disable_telemetry_events()  # a program may have imported it before mien; and what Windows traces

__all__ = ["onnxruntime", "quantization"]


def quantization() -> Any:
    """Return the module `onnxruntime.quantization`, which needs the package `onnx` of mien[train]."""
    return import_module("onnxruntime.quantization")
