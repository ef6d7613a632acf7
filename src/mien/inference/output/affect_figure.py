"""Valence and arousal in report.html: the faces of images as points, each person of a video as a trail.

They are those of the weights where these have such a head, else the estimates from the probabilities (mien.affect).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.affect import estimates, has_position
from mien.face import Face
from mien.html.circumplex import Point, points, trail
from mien.html.markup import EMPTY, Html, element, escape, markup
from mien.html.page import note

SHOWN = 1000
"""Faces with a point."""

DERIVED = (
    "Estimated: the mean of the published positions of the expressions (rings), weighted by their probabilities. "
    "It is derived from the probabilities and not a measurement of its own; arousal is the weaker half."
)
PLACELESS = "No figure of valence and arousal: these labels have no published positions."
PREDICTED = "As the weights predict them; rings are the published positions of the expressions."


class Points:
    """Collects the places of faces while there is room."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._count, self._predicted, self._placeless = 0, False, False

    def add(self, face: Face) -> None:
        """Take a face; one without a place does not count."""
        place = _place(face)
        if place is None:
            self._placeless |= face.probs is not None
            return
        self._count += 1
        self._predicted |= face.valence is not None
        if len(self._points) < SHOWN:
            self._points.append((*place, None if face.abstained else face.expression))

    def figure(self) -> Html:
        """Return the box of the figure, why there is none, or nothing where there was no face."""
        if not self._points:
            return note(PLACELESS) if self._placeless else EMPTY
        left_out = f" The first {SHOWN:,} of {self._count:,} faces." if self._count > SHOWN else ""
        mean = np.mean([point[:2] for point in self._points], axis=0)
        described = f"Valence and arousal of {len(self._points)} faces; mean {mean[0]:.2f} and {mean[1]:.2f}."
        return markup(
            '<div class="box"><h2>Valence and arousal</h2><figure>{}<figcaption>{}</figcaption></figure></div>',
            points(self._points, described),
            escape(_source(self._predicted) + left_out),
        )


def over_time(means: NDArray[np.float64], labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the names of the two columns and `Timeline.means` as (bins, 2); no columns where labels lack positions."""
    if means.shape[1] > len(labels):
        return ("valence", "arousal"), means[:, len(labels) : len(labels) + 2]
    if means.shape[1] < len(labels) or not has_position(labels):
        return (), means[:, :0]
    return ("valence estimate", "arousal estimate"), estimates(labels, means)


def person_trail(means: NDArray[np.float64], labels: Sequence[str], who: str) -> Html:
    """Return the figure of one face's `Timeline.means`, or why there is none; nothing where it was never seen."""
    names, places = over_time(means, labels)
    if not names:
        return note(PLACELESS) if means.shape[1] else EMPTY
    if np.isnan(places).all():
        return EMPTY
    mean = np.nanmean(places, axis=0)
    described = f"{' and '.join(names)} of {who} over time; mean {mean[0]:.2f} and {mean[1]:.2f}"
    caption = (
        f"Valence and arousal from the first moment (ring) to the last (dot). {_source('estimate' not in names[0])}"
    )
    return element("figure", trail(places, described), element("figcaption", escape(caption)), cls="trail")


def _place(face: Face) -> tuple[float, float] | None:
    pair = (face.valence, face.arousal) if face.valence is not None else (face.valence_estimate, face.arousal_estimate)
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _source(predicted: bool) -> str:
    return PREDICTED if predicted else DERIVED
