"""How much accuracy drops on images that are blurred, noisy, dark, covered, askew, or changed to mislead weights."""

from mien.evaluation.records.stress import StressReport
from mien.evaluation.stress.attack import Attack
from mien.evaluation.stress.corruptions import CORRUPTIONS, FAMILIES
from mien.evaluation.stress.robustness import stress
from mien.evaluation.stress.text import KEPT, keep, to_text

__all__ = ["CORRUPTIONS", "FAMILIES", "KEPT", "Attack", "StressReport", "keep", "stress", "to_text"]
