"""FER2013: course projects rebuilt as recipes, results they compare with, and what is known about records since."""

from collections.abc import Iterator

from mien.evaluation.published.record import Published, by_class, matrix
from mien.labels import ORDERS

CNN = "Yunzhe Li, Guanming Shen, Zhujian Miao: Facial Expression Recognition, UC Santa Cruz (8 December 2018)"
NSL = "蕭詠仁: Facial expression recognition with neural structured learning, IIE final project (24 December 2020)"
TRAIN, VAL, TEST = "fer2013 train", "fer2013 val", "fer2013 test"
THREE = ("neutral", "happiness", "sadness")
PRF = ("precision", "recall", "f1")

CNN4 = """
    anger     .52 .46 .49
    disgust   .49 .42 .45
    fear      .46 .24 .32
    happiness .76 .84 .80
    sadness   .40 .55 .46
    surprise  .72 .71 .72
    neutral   .55 .55 .55"""
CNN4_CELLS = matrix(
    """
    .46 .02 - - .26 - -
    .27 .42 - - - - -
    .14 - .24 - .29 - -
    - - - .84 - - -
    - - - - .55 - -
    - - - - - .71 -
    - - - - .23 - .55"""
)
NSL_FINAL = """
    anger     .62 .68 .64
    disgust   .79 .69 .74
    fear      .56 .48 .52
    happiness .91 .89 .90
    sadness   .61 .53 .57
    surprise  .79 .80 .80
    neutral   .63 .76 .69"""
VGG = matrix(
    """
    308 3 34 20 49 9 44
    13 36 2 1 3 1 0
    38 0 284 11 84 32 47
    11 0 10 797 12 15 50
    56 0 54 19 425 8 91
    7 0 26 16 7 351 8
    31 0 21 39 78 9 429"""
)


def classical() -> Iterator[Published]:
    """Yield the linear SVM and the CNNs of two and four layers."""
    yield Published("svm", "linear SVM on grey pixels", "accuracy", 0.34, TEST, CNN, "the most that was reached")
    yield Published("cnn2", "CNN of 2 convolutions", "accuracy", 0.49, TEST, CNN, "the most that was reached")
    note = "trained on Training + PublicTest (32,298), scored on PrivateTest after every epoch; its recalls give 0.580"
    order = ORDERS["fer2013"]
    yield Published("cnn4", "CNN of 4 convolutions", "accuracy", 0.58, TEST, CNN, note, CNN4_CELLS, order)
    weighted = (("precision", 0.58), ("recall", 0.58), ("f1", 0.57))
    note = "means weighted by class size; the rows give a macro-F1 of 0.541 and a mean recall of 0.539"
    for metric, value in weighted:
        yield Published("cnn4", "CNN of 4 convolutions", f"weighted_{metric}", value, TEST, CNN, note)
    yield from by_class("cnn4", "CNN of 4 convolutions", PRF, CNN4, TEST, CNN)


def nsl() -> Iterator[Published]:
    """Yield the networks with adversarial regularisation: val and training accuracy, the last one's test figures."""
    runs = (
        ("nsl-a", "30 epochs, batch 50", 0.6882, 0.766),
        ("nsl-a", "100 epochs, batch 50", 0.6980, 0.8035),
        ("nsl-b", "80 epochs, batch 42", 0.6887, 0.7445),
        ("nsl-c", "50 epochs, batch 32", 0.6992, 0.9468),
        ("nsl-d", "32 epochs, batch 50", 0.6982, 0.8868),
        ("nsl-three-class", "happiness, sadness, neutral", 0.8295, 0.8551),
    )
    for id, how, val, train in runs:
        labels = THREE if id == "nsl-three-class" else None
        yield Published(id, f"adversarial CNN, {how}", "accuracy", val, VAL, NSL, labels=labels)
        yield Published(id, f"adversarial CNN, {how}", "accuracy", train, TRAIN, NSL)
    what, ids = "adversarial CNN, 15 convolutions", "nsl-final"
    note = "1,059 of 3,589 wrong; class sizes say PrivateTest; chosen among several without saying on what"
    yield Published(ids, what, "accuracy", 0.70493, TEST, NSL, note)
    means = {"macro_precision": 0.70, "balanced_accuracy": 0.69, "macro_f1": 0.69}
    weighted = {"weighted_precision": 0.71, "weighted_recall": 0.70, "weighted_f1": 0.70}
    for metric, value in {**means, **weighted}.items():
        yield Published(ids, what, metric, value, TEST, NSL)
    yield from by_class(ids, what, PRF, NSL_FINAL, TEST, NSL)
    what = "adversarial CNN, happiness, sadness, neutral"
    yield Published("nsl-three-class", what, "accuracy", 0.8305, TEST, NSL, "3 classes", labels=THREE)


def compared() -> Iterator[Published]:
    """Yield the results that the projects compare with."""
    quoted = "quoted as test accuracy; the split was not checked"
    rows = (
        ("zhang-2020", "pre-trained CNN", 0.6415, "J. Zhang, J. Phys.: Conf. Ser. 1650 (2020) 032076"),
        ("gao-ma", "robust improved network", 0.6520, "Gao, Ma: A Robust Improved Network for FER"),
        ("ionescu-2013", "local learning on visual words", 0.67484, "Ionescu, Popescu, Grozea, ICML workshop (2013)"),
        ("raksarikorn-2018", "extreme inception networks", 0.7169, "Raksarikorn, Kangkachit, JCSSE (2018)"),
        ("sheng-2020", "sparse autoencoder + shallow CNN", 0.7328, "Sheng et al., ICCSE (2020)"),
    )
    for id, what, value, source in rows:
        yield Published(id, what, "accuracy", value, TEST, source, quoted)
    yield Published("people", "human raters", "accuracy", 0.65, "fer2013", CNN, "+- 0.05")
    yield Published("kaggle-1", "Kaggle challenge, first", "accuracy", 0.71, TEST, CNN, "rounded")
    yield Published("kaggle-20", "Kaggle challenge, twentieth", "accuracy", 0.53, TEST, CNN, "rounded")


def records() -> Iterator[Published]:
    """Yield later records, with how each was selected."""
    note = (
        "a PublicTest score (its row sums say so) whose checkpoint was chosen on PrivateTest; the matrix gives 0.7328"
    )
    source, order = "Khaireddin, Chen: arXiv 2105.03588 (2021)", ORDERS["fer2013"]
    yield Published("vgg-73.28", "VGG variant", "accuracy", 0.7328, VAL, source, note, VGG, order)
    chosen = "the epoch was chosen on the split that is reported"
    yield Published("resnet18-lethesec", "ResNet18", "accuracy", 0.7370, TEST, "code of LetheSec", chosen)
    yield Published("vgg19-wujie", "VGG19", "accuracy", 0.7311, TEST, "code of WuJie1010", chosen)
    ensemble = "ensemble of seven nets"
    yield Published("residual-masking", ensemble, "accuracy", 0.7682, TEST, "ResidualMaskingNetwork")
    doubt = "could not be repeated by its readers (issue tracker)"
    yield Published("resemotenet", "ResEmoteNet", "accuracy", 0.7979, TEST, "ResEmoteNet", doubt)


RECORDS: tuple[Published, ...] = (*classical(), *nsl(), *compared(), *records())
