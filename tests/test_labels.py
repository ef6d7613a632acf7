"""The codes that the data sets publish, written down once more from their own papers and files."""

import pytest

from mien.labels import CODES, EXPRESSIONS, label_fault

PUBLISHED = {
    "fer2013": "0 anger 1 disgust 2 fear 3 happiness 4 sadness 5 surprise 6 neutral",  # the Kaggle page
    "ferplus": "0 neutral 1 happiness 2 surprise 3 sadness 4 anger 5 disgust 6 fear 7 contempt",  # fer2013new.csv
    "affectnet": "0 neutral 1 happiness 2 sadness 3 surprise 4 fear 5 disgust 6 anger 7 contempt",  # its read-me
    "ckplus": "0 neutral 1 anger 2 contempt 3 disgust 4 fear 5 happiness 6 sadness 7 surprise",  # its read-me
    "rafdb": "1 surprise 2 fear 3 disgust 4 happiness 5 sadness 6 anger 7 neutral",  # its read-me
}


@pytest.mark.parametrize("name", CODES)
def test_codes_are_those_that_the_data_sets_publish(name: str) -> None:
    words = PUBLISHED[name].split()
    assert CODES[name] == {int(code): word for code, word in zip(words[::2], words[1::2], strict=True)}


def test_the_vocabulary_has_its_order() -> None:
    assert " ".join(EXPRESSIONS) == "neutral happiness sadness surprise fear disgust anger contempt"


@pytest.mark.parametrize(
    "word", ["expression", "confidence", "seconds", "valence", "seconds_bored", "bored_corrected", "unknown"]
)
def test_labels_that_would_double_a_column_are_refused(word: str) -> None:
    fault = label_fault(("neutral", word))
    assert fault.startswith(f"the label '{word}'; expected one of neutral")
    assert "\n" not in fault
    assert not label_fault(("neutral", f"very_{word}s"))
