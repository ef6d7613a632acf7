"""The two networks of measures as ONNX: what goes in, what comes out, and the facts that each file carries.

mesh.onnx          crops uint8 (N, 256, 256, 3) RGB -> mesh float32 (N, 478, 3), pixels of the crop; presence (N,)
blendshapes.onnx   points float32 (N, 146, 2), pixels of the image -> blendshapes float32 (N, 52), each in [0, 1]
"""

import json

import numpy as np
from onnx import TensorProto, helper

import blendshapes
import geometry
import tflite_model
from onnx_model import Writer, model, translate

CONVERTER = "mien conversion 1"  # a change of what is written raises the number
SIDE = 256
POINTS = 478


def mesh(network: bytes, face: bytes, source: dict[str, str]) -> bytes:
    """Return mesh.onnx, made of face_landmarks_detector.tflite and the geometry's binarypb."""
    read = tflite_model.read(network)
    landmarks, presence = read.outputs[:2]
    w = Writer(read, channels_first=True)
    scaled = w.add(
        "Div",
        [
            w.add("Cast", [w.add("Transpose", ["crops"], perm=[0, 3, 1, 2])], to=TensorProto.FLOAT),
            w.constant(np.array(255, np.float32)),
        ],
    )
    w.names[read.inputs[0]] = scaled
    translate(w, [landmarks, presence])
    w.add("Reshape", [w.names[landmarks], w.constant(np.array([0, POINTS, 3]))], "mesh")
    probability = w.add("Sigmoid", [w.names[presence]])
    w.add("Reshape", [probability, w.constant(np.array([-1]))], "presence")
    outputs = {"mesh": ["faces", POINTS, 3], "presence": ["faces"]}
    return _file(
        w, "mesh", ("crops", TensorProto.UINT8, ["faces", SIDE, SIDE, 3]), outputs, geometry.read(face) | source
    )


def movements(network: bytes, source: dict[str, str]) -> bytes:
    """Return blendshapes.onnx, made of face_blendshapes.tflite."""
    read = tflite_model.read(network)
    w = Writer(read, channels_first=False)
    w.names[read.inputs[0]] = "points"
    translate(w, read.outputs)
    w.add("Identity", [w.names[read.outputs[0]]], "blendshapes")
    points = ("points", TensorProto.FLOAT, ["faces", len(blendshapes.POINTS), 2])
    outputs = {"blendshapes": ["faces", len(blendshapes.NAMES)]}
    facts = {"points": blendshapes.POINTS, "names": blendshapes.NAMES}
    return _file(w, "blendshapes", points, outputs, facts | source)


def _file(w: Writer, name: str, takes: tuple, outputs: dict[str, list], facts: dict) -> bytes:
    inputs = [helper.make_tensor_value_info(*takes)]
    gives = [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()]
    metadata = json.dumps(facts | {"converter": CONVERTER}, separators=(",", ":"))
    return model(w, name, inputs, gives, {"mien": metadata})
