"""Report: everything that the sections show, by the name of the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mien.data.samples import Samples
from mien.evaluation.records.fairness import Fairness
from mien.evaluation.records.stress import StressReport
from mien.evaluation.report.facts import RunFacts
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores

Rows = list[dict[str, float | None]]


@dataclass(frozen=True, eq=False)
class Report:
    """One result, or several side by side; a mapping lacks the results for which something is not known.

    Attributes:
        results: the results by the name shown for them, in the order of the page; scores: their scores.
        history: a run's log by epoch; steps: by step.
        images: the samples a result was measured on, for the gallery.
        stress, fairness: measurements on corrupted images and by group of people.
        facts: recipe, environment, card and val scores of a result.
        no_images: why there are no images of a result, in words.
        left_out: by section, sentences on files that are about something else.
    """

    results: Mapping[str, Result]
    scores: Mapping[str, Scores]
    history: Mapping[str, Rows] = field(default_factory=dict)
    steps: Mapping[str, Rows] = field(default_factory=dict)
    images: Mapping[str, Samples] = field(default_factory=dict)
    stress: Mapping[str, StressReport] = field(default_factory=dict)
    fairness: Mapping[str, Fairness] = field(default_factory=dict)
    facts: Mapping[str, RunFacts] = field(default_factory=dict)
    no_images: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)

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
        """Whether several results are of the same images, so that they can be compared image by image."""
        first, *others = self.results.values()
        where = _measured(first)
        return bool(others) and all(
            _measured(r) == where and r.labels == first.labels and set(r.ids) == set(first.ids) for r in others
        )

    def facts_of(self, name: str) -> RunFacts:
        """Return the facts of a result, all empty where none are known."""
        return self.facts.get(name, RunFacts())


def _measured(result: Result) -> tuple[object, ...]:
    return result.provenance.dataset, result.provenance.split, result.provenance.fingerprint
