"""Priors: Bayes' rule with strength and temperature, and one line for whatever cannot be a prior."""

import numpy as np
import pytest

from mien.errors import UsageError
from mien.prior import Adjustment, Prior, chosen, named, parse

LABELS = ("neutral", "happiness", "anger")
TRAINING = {"neutral": 0.6, "happiness": 0.3, "anger": 0.1}
EXACT = Adjustment(training=TRAINING, strength=1, temperature=1)


def rows(n: int = 50) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(3), n).astype(np.float32)


def test_natural_changes_no_bit() -> None:
    probs = rows()
    assert chosen("natural", LABELS, None, "w").applied(probs) is probs


def test_uniform_divides_by_the_training_prior() -> None:
    probs = rows()
    adjusted = chosen("uniform", LABELS, EXACT, "w").applied(probs)
    expected = probs / np.array([0.6, 0.3, 0.1])
    np.testing.assert_allclose(adjusted, expected / expected.sum(1, keepdims=True), atol=1e-6)
    assert adjusted.dtype == np.float32


def test_the_training_fractions_give_back_what_was_there() -> None:
    probs = rows()
    np.testing.assert_allclose(chosen(TRAINING, LABELS, EXACT, "w").applied(probs), probs, atol=1e-6)


def test_strength_and_temperature() -> None:
    probs = rows()
    adjusted = chosen("uniform", LABELS, Adjustment(training=TRAINING, strength=0.5, temperature=2), "w").applied(probs)
    expected = (probs / np.sqrt([0.6, 0.3, 0.1])) ** 0.5
    np.testing.assert_allclose(adjusted, expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_certain_probabilities_stay_finite() -> None:
    adjusted = chosen("uniform", LABELS, EXACT, "w").applied(np.eye(3, dtype=np.float32))
    assert np.isfinite(adjusted).all()
    assert adjusted.argmax(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("even", "fractions for every expression, such as neutral=.4,happiness=.3,..."),
        ("", "expected natural, uniform or fractions"),
        ("neutral=.5,neutral=.5", "neutral is given twice"),
        ("Happy=.5,joy=.5", "happiness is given twice"),
        ("neutral=half", "neutral=half; expected a fraction above 0 and below 1"),
        ("neutral=.5,happiness=.5", "no fraction for anger"),
        ("neutral=.5,happiness=.4,anger=.2", "fractions that sum to 1.1"),
        ("neutral=.5,happiness=.5,anger=0", "anger=0.0; expected a fraction above 0"),
        ("neutral=.5,happiness=.6,anger=-.1", "anger=-0.1; expected"),
        ("neutral=nan,happiness=.6,anger=.1", "neutral=nan; expected"),
        ("neutral=.5,happiness=.3,anger=.1,contempt=.1", "contempt, which the weights do not predict"),
        ("neutral=.5,happiness=.3,anger=.1,bored=.1", "bored, which is not an expression"),
    ],
)
def test_what_cannot_be_a_prior_is_one_line(words: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(parse(words), LABELS, EXACT, "w")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_without_an_adjustment_have_the_natural_prior_only() -> None:
    with pytest.raises(UsageError, match="carry no adjustment for `prior` uniform; expected natural"):
        chosen("uniform", LABELS, None, "old")
    assert isinstance(chosen("natural", LABELS, None, "old"), Prior)


@pytest.mark.parametrize("words", ["natural", "uniform", "neutral=0.5,happiness=0.25,anger=0.25"])
def test_names_can_be_read_again(words: str) -> None:
    assert named(parse(words)) == words


def test_any_name_of_an_expression_in_any_case_will_do() -> None:
    expected = {"neutral": 0.5, "happiness": 0.25, "anger": 0.25}
    assert parse(" Neutral = .5, joy=.25 ,ANGRY=.25") == expected
    assert (parse(" Uniform "), parse("NATURAL")) == ("uniform", "natural")
    given = chosen({"Neutral": 0.5, "happy": 0.25, " anger": 0.25}, LABELS, EXACT, "w")
    assert given.name == named(expected)
    np.testing.assert_array_equal(given.applied(rows()), chosen(expected, LABELS, EXACT, "w").applied(rows()))
    with pytest.raises(UsageError, match="happiness is given twice"):
        chosen({"happy": 0.5, "joy": 0.5}, LABELS, EXACT, "w")


@pytest.mark.parametrize("wanted", [None, 5, ["uniform"], {"neutral": "0.5", "happiness": 0.3, "anger": 0.2}])
def test_other_types_are_one_line(wanted: object) -> None:
    with pytest.raises(UsageError, match="`prior`"):
        chosen(wanted, LABELS, EXACT, "w")  # type: ignore[arg-type]
