"""Report: what the sections draw on, everything by the name of the weights that it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mien.data.samples import Samples
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores

Rows = list[dict[str, Any]]
Named = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Report:
    """One result, or several to be put side by side; what is not known of one is simply not in the mapping.

    Attributes:
        results: what was answered, by the name shown for it; the order is that of the page.
        scores: their scores.
        history: a run's log by epoch; steps: by step.
        images: the samples a result was measured on, for the gallery.
        stress, fairness: what `mien stress` and the fairness audit wrote, in their JSON shapes.
        about: `recipe`, `environment`, `card` and `val` (its figures), each where known.
        missing: why there is no image of a result, in words.
        strangers: by section, sentences on files that lie there and are about something else.
    """

    results: Mapping[str, Result]
    scores: Mapping[str, Scores]
    history: Mapping[str, Rows] = field(default_factory=dict)
    steps: Mapping[str, Rows] = field(default_factory=dict)
    images: Mapping[str, Samples] = field(default_factory=dict)
    stress: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    fairness: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    about: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    strangers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def figures(self) -> dict[str, dict[str, Any]]:
        """The scores as `mien evaluate --json` prints them."""
        return {name: scores.to_dict() for name, scores in self.scores.items()}

    @property
    def single(self) -> bool:
        """Whether the page is about one result."""
        return len(self.results) == 1

    @property
    def kinds(self) -> dict[str, int]:
        """The place, from 1 on, of every result in the palette of the charts."""
        return {name: k for k, name in enumerate(self.results, 1)}

    @property
    def paired(self) -> bool:
        """Whether several results answer the same images, so that they can be compared image by image."""
        first, *others = self.results.values()
        where = _measured(first)
        return bool(others) and all(
            _measured(r) == where and r.labels == first.labels and set(r.ids) == set(first.ids) for r in others
        )

    def known(self, name: str, what: str) -> dict[str, Any]:
        """Return one of the facts `about` a result, empty where it is not known."""
        return self.about.get(name, {}).get(what) or {}


def _measured(result: Result) -> tuple[object, ...]:
    return result.provenance.dataset, result.provenance.split, result.provenance.fingerprint
