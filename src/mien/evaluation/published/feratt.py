"""FERAtt and its baseline on CK+ and FERPlus, by its readers and by its authors; FERPlus results of others.

F1 is 2PR / (P + R) of the mean precision and the mean recall, which all twelve rows bear out.
"""

from collections.abc import Iterator

from mien.evaluation.published.record import Published

SLIDES = "Haixuan Guo, Robert Johnson: FERAtt: Facial Expression Recognition with Attention Net (slides)"
PAPER = "Marrero Fernandez et al.: FERAtt, arXiv 1902.03284 (2019)"
VOTES = "Barsoum et al.: arXiv 1608.01041 (2016)"
WHAT = {
    "preact-resnet18": "PreActResNet18",
    "feratt-cls": "attention + reconstruction + classifier",
    "feratt-rep-cls": "the same + representation loss",
}
"""The systems; their recipes add `-ckplus` or `-synthetic` to these names for other data than FERPlus."""

SYNTHETIC = "faces pasted on photos"
FERPLUS_FACES = "5,000 images of FERPlus faces pasted on photos"
VAL_191 = "3,191 images: PublicTest by the majority rule on label.csv"
NINTHS = "no count of the 35 test images gives this fraction, a count of 36 does; one class is always predicted"
ROWS = (  # system, split, note, accuracy, precision, recall, F1 in percent
    ("preact-resnet18-ckplus", "ckplus real test", "22 of 35", (62.9, 51.8, 53.5, 52.6)),
    ("preact-resnet18", "ckplus synthetic test", SYNTHETIC, (54.2, 37.9, 34.3, 36.0)),
    ("feratt-cls-ckplus", "ckplus real test", NINTHS, (25.0, 3.6, 14.3, 5.7)),
    ("feratt-cls", "ckplus synthetic test", SYNTHETIC, (54.0, 52.2, 39.9, 45.2)),
    ("feratt-rep-cls-ckplus", "ckplus real test", NINTHS, (11.1, 1.6, 14.3, 2.9)),
    ("feratt-rep-cls", "ckplus synthetic test", SYNTHETIC, (40.2, 40.6, 30.9, 35.1)),
    ("preact-resnet18", "ferplus val", VAL_191, (79.2, 57.3, 51.2, 54.1)),
    ("preact-resnet18-synthetic", "synthetic test", FERPLUS_FACES, (61.2, 40.4, 35.0, 37.5)),
    ("feratt-cls", "ferplus val", VAL_191, (79.1, 74.6, 58.2, 65.4)),
    ("feratt-cls-synthetic", "synthetic test", FERPLUS_FACES, (59.4, 40.7, 31.8, 35.7)),
    ("feratt-rep-cls", "ferplus val", VAL_191, (77.2, 56.1, 58.8, 57.4)),
    ("feratt-rep-cls-synthetic", "synthetic test", FERPLUS_FACES, (56.4, 43.2, 25.0, 31.7)),
)
METRICS = ("accuracy", "macro_precision", "balanced_accuracy", "f1_of_means")
BETA = {  # (a, b): average loss, average lowest epoch, least loss, its epoch
    "2, 4": (4.751, 4.2, 4.694, 4),
    "4, 2": (4.771, 4, 4.700, 4),
    "1, 1": (4.703, 4.6, 4.599, 4),
    ".7, .7": (4.735, 4.2, 4.578, 5),
    "4, 4": (4.925, 3.6, 4.857, 8),
}


def readers() -> Iterator[Published]:
    """Yield accuracy, precision, recall and F1 of twelve cells, and what synthetic data are claimed to add."""
    for id, split, note, values in ROWS:
        for metric, value in zip(METRICS, values, strict=True):
            what = WHAT[id.removesuffix("-ckplus").removesuffix("-synthetic")]
            yield Published(id, what, metric, round(value / 100, 4), split, SLIDES, note)
    what = f"{WHAT['feratt-cls']}, synthetic data added"
    note = "'increased by 28.80 %', from 57.30, which no table shows"
    yield Published("feratt-cls-ckplus", what, "accuracy", 0.8610, "ckplus real test", SLIDES, note)
    note = "'17.5 % up', from 64.1, which no table shows"
    yield Published("feratt-cls", what, "accuracy", 0.8160, "ferplus val", SLIDES, note)


def distributions() -> Iterator[Published]:
    """Yield the losses under five Beta distributions of the mixing weight."""
    names = ("loss.mean", "epoch.mean", "loss.least", "epoch.least")
    for shape, values in BETA.items():
        what = f"{WHAT['feratt-rep-cls']}, Beta({shape})"
        for metric, value in zip(names, values, strict=True):
            note = "5 runs of 10 epochs; about 4.939 untrained; data not named"
            yield Published("feratt-rep-cls", what, metric, float(value), "ckplus or ferplus", SLIDES, note)


def authors() -> Iterator[Published]:
    """Yield the accuracies of the paper itself."""
    rows = (("preact-resnet18", 0.8667, 0.7763), ("feratt-cls", 0.8542, 0.8460), ("feratt-rep-cls", 0.9030, 0.8515))
    for id, real, synthetic in rows:
        yield Published(f"{id}-ckplus", WHAT[id], "accuracy", real, "ckplus real test", PAPER, "the authors' own")
        yield Published(id, WHAT[id], "accuracy", synthetic, "ckplus synthetic test", PAPER, "the authors' own")


def ferplus() -> Iterator[Published]:
    """Yield what others report on FERPlus."""
    rows = (
        ("ferplus-vgg13-majority", "VGG13, majority labels", 0.839),
        ("ferplus-vgg13-draw", "VGG13, a label drawn from the votes", 0.8499),
        ("ferplus-vgg13-soft", "VGG13, cross-entropy on the votes", 0.847),
    )
    for id, what, value in rows:
        yield Published(id, what, "accuracy", value, "ferplus test", VOTES)
    note, source = "face-pretrained nets (DDAMFN, MFER, QCS, POSTER++) lie between", "literature"
    yield Published(
        "ferplus-best", "state of the art", "accuracy", 0.923, "ferplus test", source, f"0.907 to this: {note}"
    )


RECORDS: tuple[Published, ...] = (*readers(), *distributions(), *authors(), *ferplus())
