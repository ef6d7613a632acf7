"""report.html: what `mien predict --out` leaves for people who would rather look than read.

One self-contained file: the counts, a picture card for each of the first pictures with its faces and probabilities, the
failures, and what the weights say about themselves.  Only the first SHOWN cards are kept, so that ten thousand
pictures need no more memory, and no larger page, than a few hundred; the page says so, and the table has every row.
"""

import io
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.card import Card
from mien.face import Face
from mien.inference.draw import outline
from mien.inference.pipeline import Prediction
from mien.page import bars, data_uri, dot, escape, facts, page, percent, table, tiles

SHOWN = 200  # picture cards on the page
FAILED = 200  # failures listed
THUMBNAIL = 520  # longest side in pixels
PORTRAIT = 88  # side of a face's own picture
BETWEEN = 1.0  # least seconds between two shown frames of a video
FACES = 12  # faces with bars on one card; a crowd is drawn, not listed

STYLE = """
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:16px;align-items:start}
.shot{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.shot>img{display:block;width:100%;max-height:420px;object-fit:contain;background:#0d0f12}
.shot>div{padding:12px 16px 14px}.shot h3{overflow-wrap:anywhere;font-size:.92rem}
.face{display:grid;grid-template-columns:64px 1fr;gap:4px 14px;padding:12px 0 2px;border-top:1px solid var(--line)}
.face img{width:64px;height:64px;border-radius:8px;object-fit:cover}
.face b{display:block;margin-bottom:4px}.face b span{font-weight:400;color:var(--soft)}
"""


class PredictionReport:
    """Collects predictions inside a `with` block and writes `out/report.html` when it ends, also after an error."""

    def __init__(self, out: Path, card: Card) -> None:
        self._path, self._card = out / "report.html", card
        self._shots: list[str] = []
        self._failures: list[tuple[str, str]] = []
        self._expressions: Counter[str | None] = Counter()
        self._confidence = 0.0
        self._pictures = self._empty = self._failed = 0
        self._last: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        title = "Apparent facial expressions"
        self._path.write_text(page(title, self._body(), lede=self._lede(), style=STYLE), encoding="utf-8")

    def add(self, prediction: Prediction, image: NDArray[np.uint8] | None) -> None:
        """Count a prediction; show it when there is room, its image uint8 RGB (H, W, 3) in the faces' pixels."""
        if prediction.error is not None:
            self._failed += 1
            if len(self._failures) < FAILED:
                self._failures.append((prediction.source, prediction.error))
            return
        self._pictures += 1
        self._empty += not prediction.faces
        self._expressions.update(None if face.abstained else face.expression for face in prediction.faces)
        self._confidence += sum(face.confidence or 0.0 for face in prediction.faces)
        if image is not None and len(self._shots) < SHOWN and self._is_due(prediction):
            self._shots.append(_shot(prediction, image))

    def _is_due(self, prediction: Prediction) -> bool:
        if prediction.seconds is None:
            return True
        source, seconds = self._last
        if prediction.source == source and prediction.seconds < seconds + BETWEEN:
            return False
        self._last = prediction.source, prediction.seconds
        return True

    def _lede(self) -> str:
        return f"Read by {self._card.name}: {', '.join(self._card.labels)}."

    def _body(self) -> str:
        faces = self._expressions.total()
        confidence = percent(self._confidence / faces) if faces else percent(None)
        head = tiles(
            [
                (f"{self._pictures:,}", "pictures or frames read", f"{self._empty:,} without a face"),
                (
                    f"{faces:,}",
                    "faces",
                    f"{self._expressions[None]:,} not answered for" if self._expressions[None] else "",
                ),
                (confidence, "mean confidence", "calibrated: how often the answer is right"),
                (f"{self._failed:,}", "sources that could not be read", ""),
            ]
        )
        counted = [(name, n / max(faces, 1)) for name, n in self._expressions.most_common() if name is not None]
        shares = f'<div class="box"><h3>Expressions, share of faces</h3>{bars(counted)}</div>' if counted else ""
        return "\n".join(
            (head, f'<div class="two">{shares}{self._about()}</div>', self._failed_table(), self._pictures_section())
        )

    def _about(self) -> str:
        card = self._card
        test = card.metrics.get("test") or {}
        interval = test.get("accuracy_interval")
        span = f" (95 %: {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %)" if interval else ""
        clean = test.get("clean") or {}
        known = {
            "weights": card.name,
            "test accuracy": f"{percent(test['accuracy'], 1)}{span}, {test.get('n'):,} images of {test.get('dataset')}"
            if test
            else "",
            "without twins": f"{percent(clean['accuracy'], 1)}, {clean['n']:,} images" if clean else "",
            "calibration error": percent(test["ece"], 1) if "ece" in test else "",
            "use": card.notes,
        }
        return f'<div class="box"><h3>The weights</h3>{facts(known)}</div>'

    def _failed_table(self) -> str:
        if not self._failures:
            return ""
        more = f", the first {FAILED} of {self._failed:,}" if self._failed > FAILED else ""
        rows = [[escape(source), f'<span class="left">{escape(reason)}</span>'] for source, reason in self._failures]
        return f"<h2>Could not be read{more}</h2>" + table(("source", "why"), rows)

    def _pictures_section(self) -> str:
        if not self._shots:
            return ""
        hidden = self._pictures - len(self._shots)
        note = (
            f'<p class="soft">{len(self._shots):,} are shown; the table beside this page has all {self._pictures:,}.</p>'
            if hidden
            else ""
        )
        return f'<h2>Pictures</h2>{note}<div class="shots">{"".join(self._shots)}</div>'


def _shot(prediction: Prediction, image: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(np.ascontiguousarray(image))
    name = prediction.source if prediction.seconds is None else f"{prediction.source}, {prediction.seconds:.2f} s"
    portraits = [_portrait(picture, face) for face in prediction.faces[:FACES]]
    outline(picture, prediction.faces)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    count = len(prediction.faces)
    alt = f"{prediction.source}: {count} face{'s' * (count != 1)}"
    listed = "".join(_face(face, portrait) for face, portrait in zip(prediction.faces, portraits, strict=False))
    more = f'<p class="soft">and {count - FACES} more faces</p>' if count > FACES else ""
    empty = '<p class="soft">No face found.</p>' if not count else ""
    return (
        f'<article class="shot"><img src="{_jpeg(picture)}" alt="{escape(alt)}"><div><h3>{escape(name)}</h3>'
        f"{listed}{more}{empty}</div></article>"
    )


def _face(face: Face, portrait: str) -> str:
    if face.probs is None:
        return ""
    ranked = sorted(zip(face.labels, map(float, face.probs), strict=True), key=lambda pair: -pair[1])[:4]
    said = "not sure" if face.abstained else escape(face.expression)
    return (
        f'<div class="face"><img src="{portrait}" alt=""><div><b>{dot(None if face.abstained else face.expression)}{said} '
        f"<span>{percent(face.confidence)}</span></b>{bars(ranked)}</div></div>"
    )


def _portrait(picture: Image.Image, face: Face) -> str:
    x1, y1, x2, y2 = (float(v) for v in face.box)
    side = max(x2 - x1, y2 - y1, 1.0) * 1.15
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    box = tuple(round(v) for v in (x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    return _jpeg(picture.crop(box).resize((PORTRAIT, PORTRAIT), Image.Resampling.LANCZOS, reducing_gap=2.0))  # type: ignore[arg-type]


def _jpeg(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80, optimize=True)
    return data_uri(stream.getvalue())
