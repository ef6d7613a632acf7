"""The card of one image in report.html: a thumbnail with its boxes, and each face with its top expressions."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.face import Face
from mien.html import page
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import bars, dot, note, probability
from mien.inference.output import measures
from mien.inference.output.draw import outline
from mien.inference.prediction import Prediction
from mien.inference.video.portrait import jpeg, portrait

THUMBNAIL = 480  # longest side in pixels
OPEN, FACES = 2, 8  # faces listed at first, and in all after unfolding; a crowd is drawn, not listed
LISTED = 4  # expressions with bars

WEAK_WORD = escape(", weak")

STYLE = """
.beside a{color:inherit}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:16px;align-items:start}
.shot{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden;break-inside:avoid}
.shot>img{display:block;width:100%;aspect-ratio:4/3;object-fit:contain;background:var(--track)}
.shot>div{padding:12px 16px 14px}.shot h3{overflow-wrap:anywhere;font-size:.92rem}.shot p{margin:0}
.face{display:grid;grid-template-columns:64px 1fr;gap:4px 14px;padding:12px 0;border-top:1px solid var(--line)}
.face:last-child{padding-bottom:2px}
.shot summary{cursor:pointer;color:var(--accent);padding:4px 0;font-size:.9rem}
.face img{width:64px;height:64px;border-radius:8px;object-fit:cover;background:var(--track)}
.face .facts{margin:8px 0 0;font-size:.84rem}
.face b{display:block;margin-bottom:4px}.face b span:last-child{font-weight:400;color:var(--soft)}
.rows th{font-weight:400;white-space:normal;overflow-wrap:anywhere;min-width:14ch}
.rows th:nth-child(2),.rows td:nth-child(2),.rows th:nth-child(4),.rows td:nth-child(4){text-align:left}
"""


def shot(prediction: Prediction, image: NDArray[np.uint8]) -> Html:
    """Return the HTML of an image's card; `image` is uint8 RGB (H, W, 3), in the pixels of the faces' boxes."""
    drawing = Image.fromarray(np.ascontiguousarray(image))
    portraits = [portrait(image, face) for face in prediction.faces[:FACES]]
    outline(drawing, prediction.faces)
    drawing.thumbnail((THUMBNAIL, THUMBNAIL))
    count = len(prediction.faces)
    alt = f"{prediction.source}: {count} face{'' if count == 1 else 's'}"
    listed = [_face(face, shown) for face, shown in zip(prediction.faces, portraits, strict=False)]
    more = note(f"and {count - FACES} more in the table") if count > FACES else EMPTY
    folded = markup("<details><summary>{} more</summary>{}{}</details>", count - OPEN, join(listed[OPEN:]), more)
    empty = EMPTY if count else note("No face was detected.")
    remark = note(prediction.remark) if prediction.remark else EMPTY
    body = join([*listed[:OPEN], folded if count > OPEN else empty])
    return markup(
        '<article class="shot"><img loading="lazy" src="{}" alt="{}"><div><h3>{}</h3>{}{}</div></article>',
        jpeg(drawing),
        escape(alt),
        escape(when(prediction)),
        remark,
        body,
    )


def when(prediction: Prediction) -> str:
    """Return the source, with the time in it where it is a video."""
    return prediction.source if prediction.seconds is None else f"{prediction.source}, {prediction.seconds:.2f} s"


def _face(face: Face, shown: Html) -> Html:
    if face.probs is None:
        return EMPTY
    ranked = sorted(zip(face.labels, map(float, face.probs), strict=True), key=lambda pair: -pair[1])[:LISTED]
    predicted = None if face.abstained else face.expression
    who = EMPTY if face.track_id is None else markup("#{} ", face.track_id)
    head = markup(
        "{}{}{} <span>{}{}</span>",
        dot(predicted),
        who,
        escape(predicted or "not sure"),
        escape(probability(face.confidence)),
        WEAK_WORD if predicted and face.weak else EMPTY,
    )
    listed = bars((name, share, probability(share)) for name, share in ranked)
    mix = measures.mix(face)
    known = ({"mix": mix} if mix else {}) | measures.facts(face)
    measured = page.facts(known) if known else EMPTY
    return markup(
        '<div class="face"><img src="{}" alt=""><div><b>{}</b>{}{}</div></div>', shown, head, listed, measured
    )
