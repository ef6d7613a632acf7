"""The files of the measures: `mesh.onnx` and `blendshapes.onnx`, which `make measures` puts into this folder.

They are converted from the Apache-2.0 model file `face_landmarker_v2.task` of MediaPipe; NOTICE has its source.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import WeightsError
from mien.inference import session
from mien.reading.guard import check_regular, parsing

FOLDER = Path(__file__).parent
MESH, BLENDSHAPES = "mesh.onnx", "blendshapes.onnx"
KEY = "mien"  # of the metadata
EXPECTED = f"{MESH} of `make measures`, with {BLENDSHAPES} beside it"


@dataclass(frozen=True)
class Files:
    """Where the two files are."""

    mesh: Path
    blendshapes: Path


@dataclass(frozen=True, eq=False)
class Template:
    """The canonical face, to which a mesh is compared to find the head's pose.

    Attributes:
        points: int64 (33,), which landmarks; weights: float64 (33,), how much each counts.
        vertices: float64 (33, 3), where they are in centimetres: x to the subject's left, y up, z out of the face.
    """

    points: NDArray[np.int64]
    weights: NDArray[np.float64]
    vertices: NDArray[np.float64]


def locate(mesh_file: Path | None = None) -> Files:
    """Return the packaged files, or a mesh file of the user's and the blendshapes beside it; WeightsError without."""
    mesh = FOLDER / MESH if mesh_file is None else mesh_file
    files = Files(mesh, mesh.parent / BLENDSHAPES)
    if mesh_file is None and not all(path.is_file() for path in (files.mesh, files.blendshapes)):
        raise WeightsError("the files of the measures are not installed", do="run `make measures`, or give `mesh_file`")
    for path in (files.mesh, files.blendshapes):
        check_regular(path, EXPECTED, WeightsError)
    return files


def opened(path: Path, inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> tuple[Any, dict[str, Any]]:
    """Return a session of one of the files and its metadata; WeightsError when it takes or gives other arrays.

    One thread: faces are measured beside each other, and results do not depend on the machine's cores.
    """
    graph = session.opened(path, session.content(path), EXPECTED, threads=1)
    takes = {one.name: one.shape[1:] for one in graph.get_inputs()}
    gives = {one.name: one.shape[1:] for one in graph.get_outputs()}
    if (takes, gives) != (inputs, outputs):
        raise WeightsError(f"{path} takes {takes} and gives {gives}", f"{inputs} and {outputs}", "run `make measures`")
    with parsing(path, EXPECTED, WeightsError, says="carries no metadata"):
        return graph, json.loads(graph.get_modelmeta().custom_metadata_map[KEY])


def template(path: Path, metadata: dict[str, Any]) -> Template:
    """Return the canonical face from the metadata of the mesh file; WeightsError where it is not there."""
    with parsing(path, EXPECTED, WeightsError, says="carries no canonical face"):
        points = np.array(metadata["pose"]["points"], np.int64)
        weights = np.array(metadata["pose"]["weights"], np.float64)
        vertices = np.array(metadata["vertices"], np.float64)[points]
        if weights.shape != points.shape or vertices.shape != (len(points), 3):
            raise ValueError(f"{points.shape} points, {weights.shape} weights, {vertices.shape} vertices")
        return Template(points, weights, vertices)
