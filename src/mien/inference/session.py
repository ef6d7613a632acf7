"""ONNX files as sessions of onnxruntime: opened silently, with errors that name the file."""

from pathlib import Path
from typing import Any

from mien.errors import UsageError, WeightsError
from mien.inference.onnx import onnxruntime

CPU = "CPUExecutionProvider"
SILENT = 4  # onnxruntime's severity "fatal": problems are raised or checked here


def content(path: Path) -> bytes:
    """Return the bytes of a file; WeightsError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None


def opened(
    path: Path, content: bytes, expected: str, provider: str = CPU, threads: int = 0, dequantise: bool = False
) -> Any:
    """Return a session of the file's bytes; WeightsError with what was expected when they are not an ONNX model.

    It computes one run in `threads` threads, 0 for one per core.  With `dequantise`, weights that are stored as
    integers and used as floats become floats once, on loading.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other stages need the cores
    if dequantise:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:  # onnxruntime raises many types without a common base
        raise WeightsError(f"{path} is not an ONNX model ({_first_line(error)})", expected) from None
    if provider not in session.get_providers():  # onnxruntime falls back to the CPU silently
        raise UsageError(f"onnxruntime could not start {provider}", do="use `device` cpu, or check the GPU's drivers")
    return session


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].removeprefix("[ONNXRuntimeError] : ")[:100]
