"""explain.html: the map on every face, the probabilities, and the numbers by part and movement."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.face import Face
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import bars, data_uri, facts, note, page, probability, table
from mien.inference.explain.draw import drawn, overlaid
from mien.inference.explain.explanation import Explained, Explanation
from mien.units import in_words

SIDE, WIDE = 360, 1100
"""Pixels of a face's map, and of the image at most."""

STYLE = """
.why{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:20px;align-items:start}
.why img{width:100%;max-width:360px;border-radius:8px;display:block}.whole img{max-width:100%;border-radius:12px}
.why h3{margin-top:4px}
.scale{display:flex;gap:10px;align-items:center;font-size:.86rem;color:var(--soft);margin:8px 0 0;max-width:360px}
.scale i{flex:1;height:10px;border-radius:5px;background:
linear-gradient(90deg,rgb(38 92 214),var(--track),rgb(226 66 40))}
"""

MEANS = (
    "Warm parts speak for the expression: covering them with grey lowers its log-odds. Blue parts speak against it. "
    "The map shows what the weights depend on in this image. It does not show why people would name the face so, nor "
    "what the person feels."
)

MATCH = "of the match with its prototype"
NO_PARTS = "no parts of the face: this detector has no landmarks, yunet has"


def to_html(explained: Explained) -> Html:
    """Return the page of an image."""
    whole = element(
        "div", _image(drawn(explained), WIDE, f"{explained.source} with the maps of its faces"), cls="whole"
    )
    known = facts({"weights": explained.weights, "prior": explained.prior})
    body = join([note(MEANS), whole, known, *(_face(explained, one) for one in explained.faces)], "\n")
    return page("Why these expressions", body, lede=explained.source, style=STYLE)


def title(one: Explanation) -> str:
    """Return what is explained and its probability, and what was predicted where that is something else."""
    explained_as = f"{one.label} {probability(one.probability)}"
    if one.label == one.face.expression:
        return explained_as
    return f"{explained_as} (predicted: {one.face.expression} {probability(one.face.confidence)})"


def _face(explained: Explained, one: Explanation) -> Html:
    size = max(1, round(one.window[2] - one.window[0])), max(1, round(one.window[3] - one.window[1]))
    laid = Image.fromarray(overlaid(explained.image, one)).crop(tuple(round(v) for v in one.window))  # type: ignore[arg-type]
    scaled = laid.resize((SIDE, max(1, round(SIDE * size[1] / size[0]))), Image.Resampling.LANCZOS)
    figure = _uri(scaled, f"what speaks for {one.label} in face {one.number}")
    most = float(np.abs(one.heat).max())
    bar = markup('<p class="scale">against {:+.2f}<i></i>{:+.2f} for {}</p>', -most, most, escape(one.label))
    scale = note(one.remark) if one.remark else bar
    head = element("h2", escape(f"Face {one.number}: {title(one)}"))
    numbers = _numbers("Parts of the face", ("part", "log-odds"), one.parts)
    numbers = numbers or note(f"{NO_PARTS[0].upper()}{NO_PARTS[1:]}.")
    named = {in_words(name): value for name, value in (one.movements or {}).items()}
    movements = _numbers("Movements, by the prototype", ("movement", MATCH), named)
    left, right = element("div", figure, scale, _bars(one.face)), element("div", numbers, movements)
    return join([head, element("div", left, right, cls="box why")])


def _bars(face: Face) -> Html:
    assert face.probs is not None
    ranked = sorted(zip(face.labels, map(float, face.probs), strict=True), key=lambda pair: -pair[1])[:4]
    return join([element("h3", escape("Predicted")), bars((name, p, probability(p)) for name, p in ranked)])


def _numbers(title: str, head: tuple[str, str], values: dict[str, float] | None) -> Html:
    if not values:
        return EMPTY
    rows = [[escape(name), markup("{:+.2f}", value)] for name, value in values.items()]
    return join([element("h3", escape(title)), table(head, rows)])


def _image(pixels: NDArray[np.uint8], limit: int, alt: str) -> Html:
    image = Image.fromarray(pixels)
    image.thumbnail((limit, limit))
    return _uri(image, alt)


def _uri(image: Image.Image, alt: str) -> Html:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return element("img", src=data_uri(file.getvalue()), alt=alt)
