"""Read the canonical face: where each of 468 points lies, in centimetres, and which points carry the head pose.

Source of the message's fields: google-ai-edge/mediapipe, geometry_pipeline_metadata.proto and mesh_3d.proto of
mediapipe/tasks/cc/vision/face_geometry/proto (Apache-2.0).  Fields that are not named here are skipped.
"""

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PER_VERTEX = 5  # x, y, z in centimetres, then two texture coordinates
FLOAT, UINT32, MESSAGE = 2, 13, 11  # FieldDescriptorProto.Type
OPTIONAL, REPEATED = 1, 3  # FieldDescriptorProto.Label
MESSAGES = {
    "Mesh": [("vertex_buffer", 3, FLOAT, REPEATED, None)],
    "Point": [("landmark_id", 1, UINT32, OPTIONAL, None), ("weight", 2, FLOAT, OPTIONAL, None)],
    "Metadata": [("mesh", 1, MESSAGE, OPTIONAL, ".Mesh"), ("basis", 2, MESSAGE, REPEATED, ".Point")],
}


def read(content: bytes) -> dict[str, object]:
    """Return `vertices` (468 x 3, cm) and `pose`: the `points` and `weights` of the weighted Procrustes fit."""
    metadata = _metadata()
    metadata.ParseFromString(content)
    vertices = np.array(metadata.mesh.vertex_buffer, np.float32).reshape(-1, PER_VERTEX)[:, :3]
    return {
        "vertices": [[float(str(value)) for value in vertex] for vertex in vertices],
        "pose": {
            "points": [point.landmark_id for point in metadata.basis],
            "weights": [float(str(np.float32(point.weight))) for point in metadata.basis],
        },
    }


def _metadata():
    file = descriptor_pb2.FileDescriptorProto(name="face_geometry.proto")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label, of in fields:
            message.field.add(name=field, number=number, type=kind, label=label, type_name=of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Metadata"))()
