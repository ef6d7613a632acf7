"""Convert, in .venv-convert: FOLDER/face_landmarker.task and FOLDER/yunet.int8 become FOLDER/*.onnx.

Run by `make measures`; __main__.py says how.
"""

import sys
import zipfile
from pathlib import Path

import face_models
import yunet
from packages import FACE_LANDMARKER, FACE_LANDMARKER_IN, YUNET, YUNET_IN, Member

FACE = {"licence": "Apache-2.0", "copyright": "The MediaPipe Authors"}
DETECTOR = {"licence": "MIT", "copyright": "Shiqi Yu"}


def main(folder: Path) -> None:
    """Write mesh.onnx, blendshapes.onnx and yunet.onnx into the folder."""
    with zipfile.ZipFile(folder / "face_landmarker.task") as task:
        landmarks = task.read("face_landmarks_detector.tflite")
        shapes = task.read("face_blendshapes.tflite")
        face = task.read("geometry_pipeline_metadata_landmarks.binarypb")
    source = _facts(FACE_LANDMARKER_IN[0], FACE_LANDMARKER) | FACE
    (folder / "mesh.onnx").write_bytes(face_models.mesh(landmarks, face, source))
    (folder / "blendshapes.onnx").write_bytes(face_models.movements(shapes, source))
    detector = (folder / "yunet.int8").read_bytes()
    (folder / "yunet.onnx").write_bytes(yunet.fold(detector, _facts(YUNET_IN[0], YUNET) | DETECTOR))


def _facts(member: Member, sha256: str) -> dict[str, str]:
    return {"source": f"{member.path} of {member.package}", "sha256": sha256}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
