"""The movement measures in report.html: how far each can be trusted, beside the mean over the faces of the run."""

from collections import Counter

from mien.face import Face
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, table
from mien.units import UNITS

WHAT = (
    "Movement measures are not FACS coding: they come from blendshapes by a published, approximate table. Each is the "
    "fraction of the reference faces (FERPlus Training) that moved less, so 0.5 is the median face. Do not conclude "
    "from those graded unreliable."
)


class UnitMeans:
    """Sums the movement measures of faces."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._count = 0

    def add(self, face: Face) -> None:
        """Take a face; one whose action units were not measured does not count."""
        if face.action_units is not None and face.action_units_source == "blendshapes":
            self._sums.update(face.action_units)
            self._count += 1

    def section(self) -> Html:
        """Return the section, or nothing where no face was measured."""
        if not self._count:
            return EMPTY
        rows = (
            [escape(cell) for cell in (unit.name, unit.movement, self._mean(unit.name), unit.grade, unit.source)]
            for unit in UNITS.values()
        )
        listed = table(("measure", "movement", "mean", "grade", "grade from"), rows, words=True)
        folded = markup("<details><summary>{} measures and their grades</summary>{}</details>", len(UNITS), listed)
        return join([markup("<h2>Movement measures</h2>"), note(WHAT), folded])

    def _mean(self, name: str) -> str:
        return f"{self._sums[name] / self._count:.2f}"
