"""MediaPipe's side, in its own environment (`make peers`), at the version before its wheel sends metrics.

    mediapipe_worker.py FACE_LANDMARKER.task

`reference` reads arrays and writes what MediaPipe makes of them, `graphs` what LiteRT makes of the networks alone;
benchmarks/reference.py asks for both.  `video` reads a whole clip as MediaPipe's users do: one face, tracked, with
blendshapes and the matrix of the pose; OpenCV decodes.  MediaPipe chooses its threads itself.
"""

import json
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

SETTLED = 12
"""So often a still is shown as a video: the crop and the smoothing have come to rest."""
STEP = 33  # milliseconds between frames


def landmarker(task: str) -> vision.FaceLandmarker:
    """Return the landmarker in its mode for videos."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
        num_faces=1,
    )
    return vision.FaceLandmarker.create_from_options(options)


def image_of(pixels: np.ndarray) -> mediapipe.Image:
    """Return uint8 RGB (H, W, 3) as MediaPipe's image."""
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))


def reference(task: str, images: str, out: str) -> dict:
    """Write landmarks (478, 3), blendshapes (52,) and matrix (4, 4) per image, as benchmarks/reference.py says."""
    kept = {}
    with np.load(images) as given:
        for name in given.files:
            with landmarker(task) as settled:
                for k in range(SETTLED):
                    result = settled.detect_for_video(image_of(given[name]), k * STEP)
            points = [[point.x, point.y, point.z] for point in result.face_landmarks[0]]
            kept[f"{name}/landmarks"] = np.array(points, np.float32)
            kept[f"{name}/blendshapes"] = np.array([one.score for one in result.face_blendshapes[0]], np.float32)
            kept[f"{name}/matrix"] = np.array(result.facial_transformation_matrixes[0], np.float32)
    np.savez(out, **kept)
    return {"images": len(kept) // 3}


def graphs(task: str, inputs: str, out: str) -> dict:
    """Write what LiteRT makes of `crops` (N, 256, 256, 3) and `points` (N, 146, 2)."""
    with zipfile.ZipFile(task) as archive, np.load(inputs) as given:
        crops = (given["crops"] / np.float32(255)).astype(np.float32)
        mesh, presence, _ = zip(*run(archive.read("face_landmarks_detector.tflite"), crops), strict=True)
        (shapes,) = zip(*run(archive.read("face_blendshapes.tflite"), given["points"]), strict=True)
    probability = 1 / (1 + np.exp(-np.ravel(presence)))
    np.savez(out, mesh=np.reshape(mesh, (-1, 478, 3)), presence=probability, blendshapes=np.reshape(shapes, (-1, 52)))
    return {}


def run(network: bytes, inputs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield the outputs of a .tflite file for each input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=network, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    for one in inputs:
        interpreter.set_tensor(entry["index"], one[None])
        interpreter.invoke()
        yield [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def video(task: str, path: str) -> dict:
    """Read a clip to its end; return its frames, those with a face, and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    frames = faces = 0
    with landmarker(task) as tracker:
        clip = cv2.VideoCapture(path)
        while True:
            there, pixels = clip.read()
            if not there:
                break
            result = tracker.detect_for_video(image_of(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)), frames * STEP)
            frames, faces = frames + 1, faces + len(result.face_landmarks)
    return {"frames": frames, "faces": faces, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main(task: str) -> None:
    """Serve requests until stdin ends."""
    assert Path(task).is_file()
    known = {"reference": reference, "graphs": graphs, "video": video}
    for line in sys.stdin:
        request = json.loads(line)
        result = known[request.pop("do")](task, **request)
        print("result " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
