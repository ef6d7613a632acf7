"""The most confident mistakes as images: "true: sadness, predicted: neutral 0.71".

Images are read from the data set when the page is written, so they live only in run folders and folders that the
user names; a budget keeps the page small.
"""

import io

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.evaluation import metrics
from mien.evaluation.report.components import section
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import data_uri, dot, note, table

EACH = 8
"""Mistakes shown of each expression; of several results, images shown of each kind."""
SIDE = 112
"""Longest side of a thumbnail in pixels."""
BUDGET = 2_500_000
"""Bytes of thumbnails in one page."""
TITLE = "gallery"
RATED = 0.1
"""Least share of the raters that is mentioned below an image."""


def gallery(report: Report) -> Html:
    """The mistakes made with most confidence, spread over the expressions; of several results, where they differ."""
    return _differences(report) if not report.single else _mistakes(report, *next(iter(report.results.items())))


def mistakes(result: Result) -> NDArray[np.intp]:
    """Return the rows whose answer is wrong, the most confident first, int64 (M,).

    >>> probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> mistakes(Result(probs, np.eye(2)[[1, 1, 0]], ("fear", "anger"), np.array(["a", "b", "c"]))).tolist()
    [0, 2]
    """
    label, predicted = metrics.top1(result.probs, result.target)
    wrong = np.flatnonzero(label != predicted)
    return wrong[np.argsort(-result.probs[wrong].max(1), kind="stable")]


def thumbnail(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (H, W, 1 or 3), as a PNG of at most `SIDE` pixels a side."""
    from PIL import Image

    small = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    return stream.getvalue()


class ThumbnailBudget:
    """Turns rows of results into images with captions until the page's budget is spent."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._row = {str(id): k for k, id in enumerate(samples.ids)}
        self._left = BUDGET

    def card(self, id: str, caption: Html) -> Html:
        """Return one image over its caption (HTML); empty where the budget is spent or the image unknown."""
        row = self._row.get(id)
        if row is None or self._left <= 0:
            return EMPTY
        uri = data_uri(thumbnail(np.asarray(self._samples.images[row])), "image/png")
        self._left -= len(uri)
        told = escape(f"image {id} of {self._samples.name} {self._samples.split}")
        return markup(
            '<figure><img src="{}" alt="{}" title="{}"><figcaption>{}</figcaption></figure>', uri, told, told, caption
        )


def _mistakes(report: Report, name: str, result: Result) -> Html:
    wrong = mistakes(result)
    if not len(wrong):
        return EMPTY
    told = (
        f"{len(wrong):,} of {len(result):,} images are read wrongly. These are the mistakes made with most "
        f"confidence, up to {EACH} of each expression: picked for being wrong, they do not tell how often that is."
    )
    label, predicted = metrics.top1(result.probs, result.target)
    if name not in report.images:
        told += f" The images are not shown: {report.missing.get(name, 'the data set is not at hand')}."
        rows = [
            [
                escape(result.ids[k]),
                *(escape(result.labels[of[k]]) for of in (label, predicted)),
                markup("{:.2f}", result.probs[k].max()),
            ]
            for k in wrong[: 2 * EACH]
        ]
        return section(
            TITLE, "Wrong predictions", note(told), table(("image", "true", "predicted", "confidence"), rows)
        )
    shelf, parts = ThumbnailBudget(report.images[name]), []
    for k, text in enumerate(result.labels):
        cards = [
            shelf.card(str(result.ids[row]), _caption(result, int(row))) for row in wrong[label[wrong] == k][:EACH]
        ]
        if any(cards):
            parts.append(
                markup('<h3>{}Labelled {}</h3><div class="faces">{}</div>', dot(text), escape(text), join(cards))
            )
    return section(TITLE, "Wrong predictions", note(told), *parts)


def _caption(result: Result, row: int) -> Html:
    label, predicted = metrics.top1(result.probs[row : row + 1], result.target[row : row + 1])
    true, said = (escape(result.labels[int(of[0])]) for of in (label, predicted))
    return markup("true: {}, predicted: <b>{} {:.2f}</b>{}", true, said, result.probs[row].max(), _raters(result, row))


def _raters(result: Result, row: int) -> Html:
    """Return what the raters said where they did not agree: what looks like a mistake may be a matter of opinion."""
    said = result.target[row] if result.votes is None else result.votes[row] / max(1, int(result.votes[row].sum()))
    if said.max() > 1 - RATED:
        return EMPTY
    order = [int(k) for k in np.argsort(-said, kind="stable") if said[k] >= RATED][:3]
    return markup("<small>raters: {}</small>", escape(", ".join(f"{result.labels[k]} {said[k]:.1f}" for k in order)))


def _differences(report: Report) -> Html:
    """Return the images that only one of several results reads rightly, and those on which all are wrong."""
    name = next(iter(report.results))
    if not report.paired or name not in report.images:
        return EMPTY
    first = report.results[name]
    aligned = {key: other.take(rows_of(other, first.ids)) for key, other in report.results.items()}
    probs = np.stack([result.probs for result in aligned.values()])
    answers = [metrics.top1(result.probs, result.target) for result in aligned.values()]
    right = np.stack([label == predicted for label, predicted in answers])
    true = answers[0][0]
    margin = np.take_along_axis(probs, true[None, :, None], 2)[..., 0]
    shelf, parts = ThumbnailBudget(report.images[name]), []
    for k, key in enumerate(aligned):
        alone = np.flatnonzero(right[k] & (right.sum(0) == 1))
        order = alone[np.argsort(-(margin[k] - np.delete(margin, k, 0).max(0))[alone], kind="stable")]
        parts.append(_shown(f"Only {key} is right", order, aligned, shelf))
    none = np.flatnonzero(~right.any(0))
    parts.append(_shown("All are wrong", none[np.argsort(-probs.max(2).mean(0)[none], kind="stable")], aligned, shelf))
    told = f"Up to {EACH} images of each kind, those first on which confidence differs most; picked, not typical."
    return section(TITLE, "Where they differ", note(told), *parts)


def _shown(title: str, rows: NDArray[np.intp], aligned: dict[str, Result], shelf: ThumbnailBudget) -> Html:
    first = next(iter(aligned.values()))
    cards = []
    for row in map(int, rows[:EACH]):
        true = metrics.top1(first.probs[row : row + 1], first.target[row : row + 1])[0]
        said = join(
            markup("<small>{}: <b>{} {:.2f}</b></small>", escape(name), escape(r.labels[int(p.argmax())]), p.max())
            for name, r in aligned.items()
            for p in (r.probs[row],)
        )
        cards.append(shelf.card(str(first.ids[row]), markup("true: {}{}", escape(first.labels[int(true[0])]), said)))
    if not any(cards):
        return EMPTY
    return markup('<h3>{}: {:,} images</h3><div class="faces wide">{}</div>', escape(title), len(rows), join(cards))


def rows_of(result: Result, ids: NDArray[np.str_]) -> NDArray[np.intp]:
    """Return where each id stands in a result, int64 (len(ids),)."""
    place = {str(id): k for k, id in enumerate(result.ids)}
    return np.array([place[str(id)] for id in ids], np.intp)
