"""AffectNet: the authors' baselines, a commercial service, and three networks trained on it by one reader.

The three 8x8 matrices are printed as fractions of their rows.  Their cells are multiples of one over a class's size, so
the test set held about 737 neutral, 1357 happiness, 253 sadness, 141 surprise, 65 fear, 42 disgust,
261 anger and 53 contempt faces; accuracy and F1 of a matrix below are computed with those.
"""

from collections.abc import Iterator

from mien.evaluation.published.record import Published, by_class, matrix
from mien.labels import EXPRESSIONS

PAPER = "Mollahosseini, Hasani, Mahoor: AffectNet, arXiv 1708.03985 (2017)"
SUMMARY = "Jiaming Nie: Facial Expression Summary (19 June 2018)"
BASELINES = "Jiaming Nie: AffectNet Paper Summary and Training Result (12 June 2018), quoting Table 7 of AffectNet"
API = "Microsoft Cognitive Services emotion API"
TEST, VAL = "affectnet test", "affectnet val"

RESNET18 = matrix(
    """
    0.7815 0.1086 0.0298 0.0312 0.0081 0.0068 0.0326 0.0013
    0.0922 0.8791 0.0044 0.0111 0.0015 0.0037 0.0059 0.0014
    0.4387 0.0592 0.3478 0.0276 0.0276 0.0276 0.0711 0
    0.4326 0.1063 0.0212 0.2978 0.099 0.0014 0.02836 0
    0.3538 0.0307 0.0923 0.1231 0.2769 0.0461 0.0769 0
    0.2619 0.1190 0 0.0714 0 0.3809 0.1667 0
    0.4521 0.0459 0.0498 0.0496 0.0191 0.0498 0.3371 0
    0.4339 0.4339 0.0377 0.0188 0 0.0186 0.0377 0.0186"""
)
RESNET34 = matrix(
    """
    0.6807 0.1426 0.0652 0.0353 0.0054 0.0013 0.0638 0.0054
    0.0733 0.8873 0.0074 0.011 0 0 0.0074 0.0007
    0.225 0.059 0.577 0.0237 0.0079 0.0079 0.0909 0.0079
    0.2553 0.1276 0.0496 0.3972 0.1134 0 0.0567 0
    0.1846 0.0769 0.0461 0.1538 0.4615 0 0.0769 0
    0.1428 0.0952 0.0476 0.0476 0.0238 0.3809 0.2619 0
    0.2452 0.0421 0.0689 0.0536 0.0191 0.0153 0.5517 0.0038
    0.3207 0.4905 0 0 0 0 0.0754 0.1132"""
)
GOOGLENET = matrix(
    """
    0.8059 0.121 0.026 0.02 0 0.0013 0.0229 0.0013
    0.059 0.9186 0.00295 0.011 0 0 0.0074 0.0007
    0.346 0.06 0.4489 0.0039 0.0236 0.0157 0.094 0
    0.2535 0.1338 0.042 0.45 0.0633 0.007 0.0492 0
    0.1384 0.0769 0.0923 0.1077 0.4923 0 0.0923 0
    0.2142 0.1667 0.0476 0 0.023 0.3095 0.2381 0
    0.3168 0.0343 0.0458 0.0267 0.0038 0.0190 0.5534 0
    0.2264 0.6603 0 0 0 0 0.0377 0.0754"""
)
BASELINE = matrix(
    """
    0.734 0.15 0.05 0.02 0.012 0 0.034 0
    0.052 0.944 0 0.004 0 0 0 0
    0.384 0.094 0.412 0.014 0.028 0.002 0.066 0
    0.344 0.228 0.044 0.252 0.106 0.002 0.024 0
    0.25 0.078 0.104 0.1 0.362 0.014 0.092 0
    0.252 0.166 0.106 0.03 0.016 0.136 0.294 0
    0.356 0.068 0.062 0.016 0.024 0.016 0.458 0
    0.284 0.636 0.02 0.002 0 0.008 0.048 0.002"""
)
WEIGHTED = matrix(
    """
    53.3 2.8 9.8 8.7 1.7 2.5 10.4 10.9
    4.5 72.8 1.1 6.0 0.6 1.7 1.0 12.2
    13.0 1.3 61.7 3.6 5.8 4.4 9.2 1.2
    3.4 1.2 1.7 69.9 18.9 1.7 2.8 0.5
    1.5 1.5 4.6 13.5 70.4 4.2 4.3 0.2
    2.0 2.2 5.8 3.3 6.2 68.6 10.6 1.3
    6.2 1.2 5.0 3.2 5.8 11.1 65.8 1.9
    16.2 13.1 3.5 3.1 0.5 4.3 5.7 53.8""",
    scale=100,
)

F1S = ("f1", "f1_norm", "top2_f1", "top2_f1_norm")
TABLE_7 = {
    "alexnet-imbalanced": """
        neutral   .63 .49 .82 .66
        happiness .88 .65 .95 .80
        sadness   .63 .60 .84 .81
        surprise  .61 .64 .84 .86
        fear      .52 .54 .78 .79
        disgust   .52 .55 .76 .78
        anger     .65 .59 .83 .80
        contempt  .08 .08 .49 .49""",
    "alexnet-down": """
        neutral   .58 .49 .78 .70
        happiness .85 .68 .92 .85
        sadness   .64 .60 .81 .78
        surprise  .53 .63 .75 .83
        fear      .54 .57 .80 .82
        disgust   .53 .64 .74 .81
        anger     .62 .60 .79 .78
        contempt  .22 .32 .60 .70""",
    "alexnet-up": """
        neutral   .61 .50 .81 .64
        happiness .85 .71 .95 .80
        sadness   .6  .57 .81 .77
        surprise  .57 .66 .80 .81
        fear      .56 .58 .75 .76
        disgust   .53 .59 .70 .72
        anger     .63 .59 .81 .77
        contempt  .15 .18 .42 .42""",
    "alexnet-weighted": """
        neutral   .57 .52 .81 .77
        happiness .82 .73 .92 .88
        sadness   .63 .61 .83 .81
        surprise  .51 .63 .77 .86
        fear      .56 .66 .79 .86
        disgust   .48 .66 .69 .83
        anger     .60 .60 .81 .81
        contempt  .27 .59 .58 .79""",
}
ARMS = {
    "alexnet-imbalanced": "AlexNet, classes as they come",
    "alexnet-down": "AlexNet, frequent classes down-sampled",
    "alexnet-up": "AlexNet, rare classes up-sampled",
    "alexnet-weighted": "AlexNet, weighted loss",
}


def networks() -> Iterator[Published]:
    """Yield accuracy and F1 of the three networks, each with its matrix."""
    split, order = "affectnet test (about 2,909 held out from training, classes as they come)", EXPRESSIONS
    runs = (
        ("resnet18", "ResNet18 + BN + dropout", 0.6944, 0.68, RESNET18, 0.695, 0.427),
        ("resnet34", "ResNet34 + BN + dropout", 0.7227, 0.7177, RESNET34, 0.723, 0.534),
        ("googlenet", "GoogLeNet + BN", 0.7596, 0.7465, GOOGLENET, 0.760, 0.546),
    )
    for id, what, accuracy, f1, cells, diagonal, macro in runs:
        note = f"its recall repeats the accuracy; the matrix gives {diagonal:.3f}, rows sum to 0.987 to 1.003"
        yield Published(id, what, "accuracy", accuracy, split, SUMMARY, note, cells, order)
        note = f"printed as F1: the class-weighted mean; the matrix gives a macro-F1 of {macro:.3f}"
        yield Published(id, what, "weighted_f1", f1, split, SUMMARY, note, cells, order)
    for metric, value, part in (
        ("accuracy", 0.7384, "val"),
        ("nll", 0.727, "val"),
        ("accuracy", 0.7744, "train"),
        ("nll", 0.6289, "train"),
    ):
        yield Published("googlenet", "GoogLeNet + BN", metric, value, f"affectnet {part}", SUMMARY, "after 8 epochs")


def baselines() -> Iterator[Published]:
    """Yield the authors' AlexNet: F1 by class in four arms, two matrices, valence and arousal."""
    for id, table in TABLE_7.items():
        note = "f1 and top2_f1 as they come, _norm skew-normalised"
        yield from by_class(id, ARMS[id], F1S, table, TEST, BASELINES, note)
    source = f"{SUMMARY}, quoting AffectNet"
    note = "computed from the matrix (500 a class), the source prints none; rows sum to 1.000"
    cells = BASELINE, EXPRESSIONS
    yield Published(
        "alexnet-imbalanced", "AlexNet, standard loss", "balanced_accuracy", 0.4125, VAL, source, note, *cells
    )
    note = "computed from the matrix, the source prints none; rows sum to 0.999 to 1.002"
    cells, id = (WEIGHTED, EXPRESSIONS), "alexnet-weighted"
    yield Published(id, ARMS[id], "balanced_accuracy", 0.6454, TEST, source, note, *cells)
    for metric, valence, arousal in (("ccc", 0.60, 0.34), ("rmse", 0.37, 0.41)):
        yield Published("alexnet-regression", "AlexNet, regression", f"{metric}.valence", valence, TEST, PAPER)
        yield Published("alexnet-regression", "AlexNet, regression", f"{metric}.arousal", arousal, TEST, PAPER)


def others() -> Iterator[Published]:
    """Yield the commercial service, the state of the art and human agreement."""
    source, note = f"{SUMMARY}, quoting AffectNet", "read off an image of the matrix; the other cells are not given"
    recalls = {"neutral": 0.94, "happiness": 0.85, "fear": 0.25, "disgust": 0.27, "contempt": 0.04}
    for label, value in recalls.items():
        yield Published("emotion-api", API, f"recall.{label}", value, TEST, source, note)
    source = "Dehghan et al.: DAGER (Sighthound), as quoted by Jiaming Nie (2018)"
    yield Published("emotion-api", API, "accuracy", 0.613, "sighthound", source, "7 expressions, the tester's own data")
    art, secondary = "state of the art", "secondary source, not checked"
    yield Published("affectnet-best-7", f"{art}, 7 expressions", "accuracy", 0.679, VAL, "literature", secondary)
    yield Published("affectnet-best-8", f"{art}, 8 expressions", "accuracy", 0.650, VAL, "literature", secondary)
    yield Published("affectnet-best-va", art, "ccc.valence", 0.716, VAL, "literature", secondary)
    yield Published("affectnet-best-va", art, "ccc.arousal", 0.642, VAL, "literature", secondary)
    yield Published("affectnet-people", "two annotators agree", "agreement", 0.607, TEST, PAPER, "about")
    note = "action units; the source says 95 images, surely 950,000: the unit (ten thousand) was lost"
    team = "EmotioNet challenge 2017, first team"
    yield Published("units-ckplus", team, "accuracy", 0.82, "emotionet test", SUMMARY, note)


RECORDS: tuple[Published, ...] = (*networks(), *baselines(), *others())
