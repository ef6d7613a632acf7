"""What `make measures` puts here: mesh.onnx, blendshapes.onnx, yunet.onnx and their SHA256SUMS.

They are not in git, but in every wheel that is built after it.  NOTICE has their sources and licences.
"""
