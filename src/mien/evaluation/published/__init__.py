"""Scores that others published, as data: printed beside measured ones, marked as published, never mixed with them.

    published("cnn4")            what is known about the system that a recipe rebuilds
    about("fer2013")             headline scores on a data set

Each record names its source and its split.  Where a source prints a matrix, its scores were computed again, and the
note says where the source's own value differs.
"""

from mien.evaluation.published import affectnet, fer2013, feratt
from mien.evaluation.published.record import Published

__all__ = ["PUBLISHED", "Published", "about", "published"]

PUBLISHED: tuple[Published, ...] = (*fer2013.RECORDS, *feratt.RECORDS, *affectnet.RECORDS)
"""Every record, by data set; `mien list published` prints them."""


def published(recipe_id: str) -> tuple[Published, ...]:
    """Return what was published about the system of a recipe (`cnn4`, `papers/cnn4`); nothing for our own recipes.

    >>> [(p.metric, p.value) for p in published("papers/svm")]
    [('accuracy', 0.34)]
    """
    id = recipe_id.rpartition("/")[2]
    return tuple(record for record in PUBLISHED if record.id == id)


def about(dataset: str, metric: str = "accuracy") -> tuple[Published, ...]:
    """Return one metric's records on a data set, training splits left out, best first.

    >>> about("ferplus")[0].value
    0.923
    """
    records = (p for p in PUBLISHED if p.dataset == dataset and p.metric == metric and not p.split.endswith("train"))
    return tuple(sorted(records, key=lambda p: -p.value))
