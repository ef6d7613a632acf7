"""Measures of a face: landmarks, blendshapes, head pose, openness of eyes and mouth, and image quality.

files/       the two ONNX files and where they are
measurer.py  READ FIRST: an image and its faces to measured faces, in photos and from frame to frame
square.py    the rotated square around a face that the mesh is read in
mesh.py      478 landmarks and 52 blendshapes
pose.py      head pose and distance from the landmarks
openness.py  eyes and mouth
quality.py   size and sharpness
"""
