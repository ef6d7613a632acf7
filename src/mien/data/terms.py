"""Where a data set comes from and what it may be used for; cards of weights trained on it repeat this."""

from typing import NamedTuple


class Terms(NamedTuple):
    """The publication that a data set comes from, and what its images and labels may be used for."""

    source: str
    use: str


TERMS = {
    "fer2013": Terms(
        "Goodfellow et al., Challenges in representation learning, arXiv 1307.0414, 2013: grey 48x48 faces found "
        "by web search",
        "images and labels published for research only; the images belong to their makers and do not come with mien",
    ),
    "ferplus": Terms(
        "Barsoum et al., Training deep networks for facial expression recognition with crowd-sourced label "
        "distribution, ICMI 2016: ten raters for each image of FER2013",
        "labels (the votes) under the MIT licence; the images are those of FER2013, published for research only",
    ),
    "affectnet": Terms(
        "Mollahosseini, Hasani and Mahoor, AffectNet, IEEE Transactions on Affective Computing, 2017",
        "by agreement with its makers, for research that is not commercial",
    ),
    "rafdb": Terms(
        "Li, Deng and Du, Reliable crowdsourcing and deep locality-preserving learning, CVPR 2017",
        "by agreement with its makers, for research that is not commercial",
    ),
    "ckplus": Terms(
        "Lucey et al., The extended Cohn-Kanade dataset (CK+), CVPR Workshops 2010",
        "by agreement, for research; images may be printed only of the subjects who allowed it",
    ),
    "folder": Terms("your own images, in class folders", "not known to mien: what their makers and subjects permit"),
    "table": Terms("your own images, named in a table", "not known to mien: what their makers and subjects permit"),
    "synthetic": Terms(
        "faces of another data set, before photos or drawn scenes",
        "those of the data set that the faces come from, and of the photos",
    ),
}
"""Terms by the name of a data set."""


def terms_of(*names: str) -> dict[str, str]:
    """Return what each data set may be used for, in the order given.

    >>> terms_of("mine")
    {'mine': 'not known to mien: ask its publisher'}
    """
    unknown = Terms("", "not known to mien: ask its publisher")
    return {name: TERMS.get(name, unknown).use for name in names}
