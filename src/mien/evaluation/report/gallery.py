"""The most confident mistakes as images: "true: sadness, predicted: neutral 0.71".

Images are read from the data set when the page is written, so they live only in run folders and folders that the
user names; a budget keeps the page small.
"""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.report.components import section
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.thumbnails import ThumbnailBudget
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import dot, note, table

EACH = 8
"""Mistakes shown of each expression; of several results, images shown of each kind."""
TITLE = "gallery"
RATED = 0.1
"""Least fraction of the raters that is mentioned below an image."""


def gallery(report: Report) -> Html:
    """The mistakes made with most confidence, spread over the expressions; of several results, where they differ."""
    return _differences(report) if not report.single else _mistakes(report, *next(iter(report.results.items())))


def mistakes(result: Result) -> NDArray[np.intp]:
    """Return the rows with a wrong prediction, the most confident first, int64 (M,).

    >>> probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> mistakes(Result(probs, np.eye(2)[[1, 1, 0]], ("fear", "anger"), np.array(["a", "b", "c"]))).tolist()
    [0, 2]
    """
    label, predicted = metrics.top1(result.probs, result.target)
    wrong = np.flatnonzero(label != predicted)
    return wrong[np.argsort(-result.probs[wrong].max(1), kind="stable")]


def _mistakes(report: Report, name: str, result: Result) -> Html:
    wrong = mistakes(result)
    if not len(wrong):
        return EMPTY
    explanation = (
        f"{len(wrong):,} of {len(result):,} predictions are wrong. These are the most confident ones, up to {EACH} of "
        "each expression: picked for being wrong, they do not show how often that is."
    )
    if name in report.images:
        shown = _by_label(ThumbnailBudget(report.images[name]), result, wrong)
    else:
        explanation += f" The images are not shown: {report.no_images.get(name, 'the data set is not available')}."
        shown = _listed(result, wrong[: 2 * EACH])
    return section(TITLE, "Wrong predictions", note(explanation), shown)


def _listed(result: Result, wrong: NDArray[np.intp]) -> Html:
    label, predicted = metrics.top1(result.probs, result.target)
    rows = [
        [
            escape(result.ids[k]),
            *(escape(result.labels[of[k]]) for of in (label, predicted)),
            markup("{:.2f}", result.probs[k].max()),
        ]
        for k in wrong
    ]
    return table(("image", "true", "predicted", "confidence"), rows)


def _by_label(thumbnails: ThumbnailBudget, result: Result, wrong: NDArray[np.intp]) -> Html:
    label, parts = metrics.top1(result.probs, result.target)[0], []
    for k, text in enumerate(result.labels):
        rows = map(int, wrong[label[wrong] == k][:EACH])
        cards = [thumbnails.card(str(result.ids[row]), _caption(result, row)) for row in rows]
        if any(cards):
            parts.append(
                markup('<h3>{}Labelled {}</h3><div class="faces">{}</div>', dot(text), escape(text), join(cards))
            )
    return join(parts, "\n")


def _caption(result: Result, row: int) -> Html:
    top = metrics.top1(result.probs[row : row + 1], result.target[row : row + 1])
    label, predicted = (escape(result.labels[int(one[0])]) for one in top)
    confidence = result.probs[row].max()
    return markup("true: {}, predicted: <b>{} {:.2f}</b>{}", label, predicted, confidence, _raters(result, row))


def _raters(result: Result, row: int) -> Html:
    """Return the raters' labels where they disagree: an apparent mistake may be a matter of opinion."""
    votes = result.target[row] if result.votes is None else result.votes[row] / max(1, int(result.votes[row].sum()))
    if votes.max() > 1 - RATED:
        return EMPTY
    order = [int(k) for k in np.argsort(-votes, kind="stable") if votes[k] >= RATED][:3]
    return markup("<small>raters: {}</small>", escape(", ".join(f"{result.labels[k]} {votes[k]:.1f}" for k in order)))


def _differences(report: Report) -> Html:
    """Return the images that only one of several results gets right, and those that all get wrong."""
    name = next(iter(report.results))
    if not report.paired or name not in report.images:
        return EMPTY
    first = report.results[name]
    aligned = {key: other.take(rows_of(other, first.ids)) for key, other in report.results.items()}
    probs = np.stack([result.probs for result in aligned.values()])
    tops = [metrics.top1(result.probs, result.target) for result in aligned.values()]
    right, label = np.stack([np.equal(*top) for top in tops]), tops[0][0]
    own = np.take_along_axis(probs, label[None, :, None], 2)[..., 0]
    thumbnails, parts = ThumbnailBudget(report.images[name]), []
    for k, key in enumerate(aligned):
        alone = np.flatnonzero(right[k] & (right.sum(0) == 1))
        order = alone[np.argsort(-(own[k] - np.delete(own, k, 0).max(0))[alone], kind="stable")]
        parts.append(_side(f"Only {key} is right", order, aligned, thumbnails))
    none = np.flatnonzero(~right.any(0))
    order = none[np.argsort(-probs.max(2).mean(0)[none], kind="stable")]
    parts.append(_side("All are wrong", order, aligned, thumbnails))
    explanation = f"Up to {EACH} images of each kind, by the difference in confidence; picked, not typical."
    return section(TITLE, "Where they differ", note(explanation), *parts)


def _side(title: str, rows: NDArray[np.intp], aligned: dict[str, Result], thumbnails: ThumbnailBudget) -> Html:
    first = next(iter(aligned.values()))
    cards = []
    for row in map(int, rows[:EACH]):
        label = metrics.top1(first.probs[row : row + 1], first.target[row : row + 1])[0]
        predictions = join(
            markup("<small>{}: <b>{} {:.2f}</b></small>", escape(name), escape(r.labels[int(p.argmax())]), p.max())
            for name, r in aligned.items()
            for p in (r.probs[row],)
        )
        caption = markup("true: {}{}", escape(first.labels[int(label[0])]), predictions)
        cards.append(thumbnails.card(str(first.ids[row]), caption))
    if not any(cards):
        return EMPTY
    return markup('<h3>{}: {:,} images</h3><div class="faces wide">{}</div>', escape(title), len(rows), join(cards))


def rows_of(result: Result, ids: NDArray[np.str_]) -> NDArray[np.intp]:
    """Return the row of each id in a result, int64 (len(ids),)."""
    place = {str(id): k for k, id in enumerate(result.ids)}
    return np.array([place[str(id)] for id in ids], np.intp)
