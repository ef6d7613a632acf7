"""Whole, small files of every kind that mien reads, made here; nobody else's."""

import importlib
import io
import json
import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
os.environ.setdefault("SVT_LOG", "1")  # the coder of AVIF tells how it is set up
SIDE = 48
LABELS = ("neutral", "happiness", "sadness")


def face(shift: int = 0, side: int = 96) -> np.ndarray:
    """Return something with edges and colours, uint8 (side, side, 3)."""
    y, x = np.mgrid[:side, :side]
    rings = 127 + 100 * np.cos(np.hypot(y - side / 2, x - side / 2 - shift) / 5)
    return np.stack([rings, 255 - rings, (x + y) % 256], 2).clip(0, 255).astype(np.uint8)


def image(format: str, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(face()).convert(mode).save(stream, format, **options)
    return stream.getvalue()


def moving(format: str) -> bytes:
    stream = io.BytesIO()
    images = [Image.fromarray(face(4 * k)) for k in range(4)]
    images[0].save(stream, format, save_all=True, append_images=images[1:], duration=80)
    return stream.getvalue()


def exif() -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags.tobytes()


def clip(suffix: str, codec: str = "libx264", pix: str = "yuv420p") -> bytes:
    stream = io.BytesIO()
    formats = {"mkv": "matroska", "ts": "mpegts", "y4m": "yuv4mpegpipe"}
    with av.open(stream, "w", format=formats.get(suffix, suffix)) as file:
        track: Any = file.add_stream(codec, rate=10)
        track.width = track.height = 64
        track.pix_fmt = pix
        track.codec_context.gop_size = 4
        for k in range(8):
            frame = av.VideoFrame.from_ndarray(face(3 * k, 64), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 10)
            file.mux(track.encode(frame))
        file.mux(track.encode(None))
    return stream.getvalue()


def heif(codec: str) -> bytes:
    """Return an image as phones store it, made by the builder of the tests."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    builder = importlib.import_module("tests.inference.heif")
    content: bytes = builder.grid(face(side=128), 2, 2, codec, tile=64).bytes()
    return content


def result(n: int = 12) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    probs = chance.dirichlet(np.ones(len(LABELS)), n).astype(np.float32)
    facts = {
        "weights": "own",
        "weights_sha256": "00",
        "dataset": "own",
        "split": "test",
        "options": {},
        "fingerprint": "1",
    }
    facts |= {
        "twins": ["p01"],
        "threshold": 0.5,
        "trained": {"recipe": "r", "seconds": 3.0},
        "version": "0",
        "left_out": 0,
    }
    return {
        "probs": probs,
        "target": np.eye(len(LABELS), dtype=np.float32)[chance.integers(0, len(LABELS), n)],
        "ids": np.array([f"p{k:02}" for k in range(n)]),
        "group": np.array([f"s{k // 3}" for k in range(n)]),
        "votes": chance.integers(0, 5, (n, len(LABELS))).astype(np.int16),
        "regression": chance.uniform(-1, 1, (n, 2)).astype(np.float32),
        "regression_target": chance.uniform(-1, 1, (n, 2)).astype(np.float32),
        "labels": np.array(LABELS),
        "provenance": np.array(json.dumps(facts)),
    }


def generated(n: int = 4) -> dict[str, np.ndarray]:
    return {
        "images": np.zeros((n, SIDE, SIDE, 1), np.uint8),
        "target": np.eye(len(LABELS), dtype=np.float32)[np.arange(n) % len(LABELS)],
        "labels": np.array(LABELS),
        "about": np.array(json.dumps({"split": "train", "settings": {"steps": 1}})),
    }


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=True, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def fer2013() -> bytes:
    chance = np.random.default_rng(0)
    usages = ("Training", "Training", "PublicTest", "PrivateTest")
    rows = [f"{k},{' '.join(map(str, chance.integers(0, 256, SIDE * SIDE)))},{usages[k]}" for k in range(4)]
    return ("emotion,pixels,Usage\n" + "\n".join(rows) + "\n").encode()


def fer2013_columns() -> dict[str, list[Any]]:
    small = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 90).save(small, "PNG")
    return {"emotion": [0, 1, 2], "usage": ["Training", "PublicTest", "PrivateTest"], "image": [small.getvalue()] * 3}


VOTES = b"Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n" + b"".join(
    f"{usage},fer{k:07}.png,6,4,0,0,0,0,0,0,0,0\n".encode()
    for k, usage in enumerate(("Training", "PublicTest", "PrivateTest"))
)

PREDICTIONS: dict[str, list[Any]] = {
    "id": [f"p{k:02}" for k in range(6)],
    "happiness": [0.25, 0.5, 0.125, 1.0, 0.0, 0.5],
    "neutral": [0.75, 0.5, 0.875, 0.0, 1.0, 0.5],
    "label": ["neutral", "happy", "neutral", "happiness", "neutral", "happy"],
}


def table(columns: dict[str, list[Any]]) -> bytes:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return ("\n".join(lines) + "\n").encode()


def parquet(columns: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


AFFECTNET = (
    b"subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    b"1/a.jpg,0,0,20,20,1;2,1,0.5,-0.25\n1/b.jpg,3,4,30,31,1;2,0,-0.5,0.25\n1/c.jpg,3,4,30,31,1;2,10,-2,-2\n"
)

RECIPE = b"""name: own
seed: 1
data: {name: fer2013, options: {}, classes: {neutral: [neutral], anger: [anger, disgust]}, limit: 100, size: 48}
model: {name: cnn2, options: {}}
augment: &mild {flip: 0.5, shift: 0.1, scale: [0.9, 1.1], fill: edge}
loss: {label_smoothing: 0.1}
optim: {name: adam, lr: 1.0e-3, schedule: {name: step, factor: 0.5, every: 100}}
refine: {epochs: 1, lr: 1.0e-4, augment: *mild}
epochs: 3
views: {flip: true, zooms: [1.0, 1.1]}
"""

CARD = {
    "name": "own", "labels": list(LABELS), "size": SIDE, "channels": 1, "threshold": 0.5, "temperature": 1.1,
    "metrics": {"test": {"n": 9, "accuracy": 0.5, "accuracy_interval": [0.2, 0.8], "clean": {"n": 8, "accuracy": 0.5}}},
    "data": {"name": "fer2013", "fingerprint": "1"}, "recipe": {"name": "own", "seed": 1, "data": {"options": {}}},
    "provenance": {"seconds": 3.0, "threads": 1, "device": "cpu", "versions": {"torch": "2"}}, "notes": "none",
}  # fmt: skip


def graph(card: Any = CARD) -> bytes:
    """Return an ONNX file that predicts by brightness."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["crops"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
    ]
    taken = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", SIDE, SIDE, 1])
    given = helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["n", len(LABELS)])
    kept = [
        helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("weights", TensorProto.FLOAT, [1, len(LABELS)], [0.01, 0.02, 0.03]),
    ]
    made = helper.make_graph(nodes, "own", [taken], [given], kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.helper.set_model_props(model, {"mien": json.dumps(card)})
    content: bytes = model.SerializeToString()
    return content


ENVIRONMENT = {
    "commit": "1", "versions": {"python": "3", "torch": "2"}, "device": "cpu: one", "threads": 1,
    "precision": "float32", "data": {"name": "fer2013", "root": "/nowhere", "fingerprint": "1"}, "seconds": 3.0,
}  # fmt: skip

SCORES = {
    "dataset": "fer2013", "n": 9, "accuracy": 0.5, "accuracy_interval": [0.2, 0.8], "macro_f1": 0.4, "ece": 0.1,
    "nll": 1.0,
    "clean": {"n": 8, "accuracy": 0.5, "accuracy_interval": [0.2, 0.8]}, "weights_sha256": "00",
}  # fmt: skip
METRICS = {"weights": "00", "val": SCORES, "test": SCORES}

STRESS = {
    "weights": "own", "weights_sha256": "00", "dataset": "own", "split": "test", "n": 12,
    "clean": {"accuracy": 0.5, "accuracy_interval": [0.2, 0.8]},
    "corruptions": [
        {"name": "blur", "family": "blur", "error": 0.6, "relative": 1.0,
         "severities": [{"severity": s, "accuracy": 0.4, "accuracy_interval": [0.1, 0.6]} for s in (1, 2)]}
    ],
    "ranking": [{"name": "blur", "drop": 0.1}], "mce": 1.0, "baseline": "other",
    "attacks": [
        {"name": "fgsm", "epsilon": 0.008, "n": 4, "accuracy": 0.1, "accuracy_interval": [0, 0.5], "queries": None}
    ],
}  # fmt: skip

FAIRNESS = {
    "weights": "own", "weights_sha256": "00", "n": 12, "min_group": 3, "left_out": 1,
    "columns": [
        {"column": "sex", "left_out": 1, "conclusion": "none", "worst_group": "a", "gap": 0.1,
         "gap_interval": [0.0, 0.2],
         "equalised_odds_gap": 0.2, "tests": [{"what": "accuracy", "p": 0.5, "p_holm": 0.5}],
         "groups": [
             {"group": g, "n": 6, "enough": True, "accuracy": 0.5, "accuracy_interval": [0.1, 0.9], "ece": 0.1,
              "ece_interval": [0.0, 0.2],
              "per_class": {
                  "neutral": {"n": 3, "fpr": 0.1, "fnr": 0.2, "fpr_interval": [0, 1], "fnr_interval": [0, 1]}
              }}
             for g in ("a", "b")
         ]}
    ],
}  # fmt: skip

ROW = {
    "name": "own", "recipe": {"name": "own", "seed": 0, "data": {"name": "fer2013", "limit": None}}, "file": "model",
    "environment": ENVIRONMENT, "figures": {"val": SCORES, "test": SCORES}, "published": [],
}  # fmt: skip

LOG = b"epoch,step,loss,val_nll,val_accuracy,seconds\n1,4,1.5,1.4,0.3,1.0\n2,8,1.2,1.3,0.4,2.0\n3,12,1.0,1.2,0.5,3.0\n"


def checkpoint() -> dict[str, Any]:
    """Return what last.pt of a recipe of cnn2 holds."""
    import torch

    from mien.training.optim import optimizer
    from mien.training.recipe import Optim

    model = network()
    state: Any = optimizer(model, Optim(name="adam"))
    row = {"epoch": 1, "step": 4, "loss": 1.5, "val_nll": 1.4, "seconds": 1.0}
    return {
        "model": model.state_dict(), "average": model.state_dict(), "optimizer": state.state_dict(),
        "epoch": 1, "step": 4, "seconds": 1.0, "best": 0.3, "history": [row], "labels": ["neutral", "anger"],
        "aux_labels": [], "size": 16, "channels": 1, "learnt": "1", "threads": torch.get_num_threads(),
        "precision": "float32",
    }  # fmt: skip


def network() -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def saved(content: Any) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def as_json(content: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(content).encode()
