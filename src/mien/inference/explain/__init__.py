"""Why a face was named so: occlusion maps and movements.

occlusion.py    the map: what the prediction loses where the crop is covered
regions.py      the map by parts of the face
explanation.py  READ FIRST: image -> explanations
draw.py         the map on the image
page.py         explain.html
text.py         the explanation in words, and the files of `mien explain --out`
"""
