"""Explanations in words, and the files of `mien explain --out`."""

import io
import json
from collections.abc import Callable

from PIL import Image

from mien.inference.explain.draw import drawn
from mien.inference.explain.explanation import Explained, Explanation
from mien.inference.explain.page import MATCH, NO_PARTS, title, to_html
from mien.outputs import Outputs
from mien.units import in_words

KEPT = ("explain.json", "explain.html", "explain.jpg")
NAMED = 4
"""Parts and movements named on either side."""


def to_text(explained: Explained) -> str:
    """Return a paragraph per face."""
    return "\n".join(line for one in explained.faces for line in _lines(explained.source, one))


def keep(explained: Explained, outputs: Outputs) -> list[str]:
    """Write the map on the image, the page and the numbers; return where they are."""
    file = io.BytesIO()
    Image.fromarray(drawn(explained)).save(file, "JPEG", quality=92)
    outputs.write("explain.jpg", file.getvalue())
    outputs.write("explain.json", f"{json.dumps(explained.to_dict(), indent=2)}\n".encode())
    outputs.write("explain.html", to_html(explained).encode())
    return [str(outputs.folder / name) for name in KEPT]


def _lines(source: str, one: Explanation) -> list[str]:
    lines = [f"{source} face {one.number}: {title(one)}"]
    if one.remark:
        lines.append(f"  {one.remark}")
    else:
        lines += [f"  {NO_PARTS}"] if one.parts is None else _sides("parts", one.parts, "log-odds")
    named = {in_words(name): value for name, value in (one.movements or {}).items()}
    return lines + _sides("movements", named, MATCH)


def _sides(what: str, values: dict[str, float], unit: str) -> list[str]:
    """Return what speaks for and what against, strongest first."""
    if not values:
        return []
    tests: dict[str, Callable[[float], bool]] = {"for": lambda v: v >= 0.005, "against": lambda v: v <= -0.005}
    lines = []
    for side, holds in tests.items():
        chosen = sorted((pair for pair in values.items() if holds(pair[1])), key=lambda pair: -abs(pair[1]))[:NAMED]
        named = ", ".join(f"{name} {value:+.2f}" for name, value in chosen)
        lines.append(f"  {what} that speak {side} it ({unit}): {named or 'none'}")
    return lines
