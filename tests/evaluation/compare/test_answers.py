"""Tables of other systems: what is understood, and what is refused by naming the rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError, MienError, UsageError
from mien.evaluation.compare.answers import Answers, read_answers
from mien.evaluation.compare.columns import read_mapping
from mien.evaluation.result import Result

Write = Callable[..., Path]


def read(path: Path, *columns: str, as_table: bool = False) -> Answers:
    return read_answers(path, read_mapping(columns), "test", as_table)


@pytest.mark.parametrize(
    "head",
    [
        ["path", "happy", "sad", "neutral"],
        ["Image Name", "prob_happiness", "prob_sadness", "prob_neutral"],
        ["filename", "happy_score", "sad_score", "neutral_score"],
        ["file", "Emotion.Happy", "Emotion.Sad", "Emotion.Neutral"],
        ["id", "p(happy)", "p(sad)", "p(neutral)"],
        ["source", "joy", "SAD", "Neutral confidence"],
    ],
)
def test_names_of_columns_are_guessed_and_said(table: Write, head: list[str]) -> None:
    found = read(table("kit.csv", head, [["a.jpg", 0.7, 0.1, 0.2], ["b.jpg", 0.2, 0.5, 0.3]]))
    assert found.labels == ("neutral", "happiness", "sadness")
    assert found.probs == pytest.approx(np.array([[0.2, 0.7, 0.1], [0.3, 0.2, 0.5]]))
    assert not found.certain
    assert found.ids.tolist() == ["a.jpg", "b.jpg"]
    assert all(name in found.notes[0] for name in head)


@pytest.mark.parametrize("head", ["prediction", "label", "Emotion", "dominant_emotion", "pred"])
def test_labels_alone_are_one_hot_and_known_to_be_no_probabilities(table: Write, head: str) -> None:
    found = read(table("api.csv", ["image", head], [["a", "Happy"], ["b", " angry "], ["c", "happiness"]]))
    assert found.labels == ("happiness", "anger")
    assert found.probs.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert found.certain


def test_columns_can_be_told(table: Write) -> None:
    path = table("x.csv", ["a", "b", "c", "t"], [["1.png", 0.9, 0.1, "sad"], ["2.png", 0.3, 0.7, "happy"]])
    found = read(path, "id=a", "happy=b", "sadness=c", "truth=t")
    assert found.probs.tolist() == [[0.9, 0.1], [0.3, 0.7]]
    assert found.truth_labels == ("happiness", "sadness")
    assert found.target is not None
    assert found.target.tolist() == [[0, 1], [1, 0]]


def test_a_label_that_is_told_goes_before_probabilities_that_are_guessed(table: Write) -> None:
    path = table("x.csv", ["id", "happy", "sad", "said"], [["1", 0.9, 0.1, "sad"]])
    assert read(path, "label=said").certain
    found = read(path)
    assert not found.certain


def test_label_beside_probabilities_is_left_aside_and_said(table: Write) -> None:
    found = read(table("x.csv", ["id", "label", "happy", "sad"], [["1", "sad", 0.9, 0.1]]))
    assert not found.certain
    assert "column label is left aside" in found.notes[1]


def test_percentages_and_rounding_are_undone_and_said(table: Write) -> None:
    percent = read(table("p.csv", ["id", "happy", "sad", "fear"], [["1", 90.1, 9.8, 0.1], ["2", 30, 30, 40]]))
    assert percent.probs.sum(1) == pytest.approx([1, 1])
    assert "percentages" in percent.notes[1]
    rounded = read(table("r.csv", ["id", "happy", "sad", "fear"], [["1", 0.33, 0.33, 0.33], ["2", 0.5, 0.5, 0]]))
    assert rounded.probs.sum(1) == pytest.approx([1, 1])
    assert "rounded" in rounded.notes[1]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    lines = [separator.join(cells) for cells in (["id", "happy", "sad"], ["007", "0.6", "0.4"])]
    (tmp_path / "x.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    assert read(tmp_path / "x.csv").ids.tolist() == ["007"]  # a name is text, also where it looks like a number


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [5, 6], "happy": [0.5, 0.25], "sad": [0.5, 0.75]}), tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet")
    assert found.ids.tolist() == ["5", "6"]
    assert found.probs.tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_what_predict_writes_is_understood(table: Write) -> None:
    head = ["source", "frame", "score", "expression", "confidence", "prob_neutral", "prob_happiness"]
    found = read(table("predictions.csv", head, [["a.jpg", "", 0.9, "neutral", 0.6, 0.6, 0.4]]))
    assert (found.ids.tolist(), found.labels) == (["a.jpg"], ("neutral", "happiness"))


@pytest.mark.parametrize(
    ("head", "rows", "told"),
    [
        (
            ["id", "happy", "sad"],
            [["a", 0.5, 0.5], ["b", 0.5, 0.3]],
            "row 2 whose probabilities do not sum to one, the first to 0.8",
        ),
        (
            ["id", "happy", "sad"],
            [["a", 0.5, 0.5], ["b", "nan", 0.3]],
            "row 2 with no number in column happy, first 'nan'",
        ),
        (["id", "happy", "sad"], [["a", 0.5, 0.5], ["b", 0.5, ""]], "row 2 with no number in column sad, first ''"),
        (["id", "happy", "sad"], [["a", 1.5, -0.5]], "row 1 with a negative probability"),
        (["id", "label"], [["a", "happy"], ["b", "bored"]], "row 2 with no expression in column label, first 'bored'"),
        (["id", "label"], [["a", "hapiness"]], "did you mean happiness?"),
        (["id", "label"], [["a", "happy"], ["a", "sad"]], "2 rows (1, 2) name the same pictures, 'a' first"),
        (["id", "label"], [], "has no rows"),
        (["id", "size"], [["a", 3]], "has columns id, size; expected columns of probabilities or a column of labels"),
        (["nr", "label"], [["a", "sad"]], "expected one that names the picture; --column id=..."),
        (["id", "label"], [["a", "sad"], ["b"]], "row 2 with another number of cells than the header"),
        (["id", "label", "label"], [["a", "sad", "sad"]], "columns label stand twice"),
        (["id", "label", "truth"], [["a", "sad", "dull"]], "row 1 with no expression in column truth"),
    ],
)
def test_bad_tables_are_refused_by_row(table: Write, head: list[str], rows: list[list[object]], told: str) -> None:
    with pytest.raises(DataError) as caught:
        read(table("bad.csv", head, rows))
    message = str(caught.value)
    assert "\n" not in message
    assert told in message


@pytest.mark.parametrize("text", ["", "\n\n", "id,label\n", "\ufeff"])
def test_empty_tables_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("content", [b"\x00\xff\xfe", b"\x89PNG\r\n\x1a\n\x00\x00", b"PAR1"])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_files_that_are_no_tables_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        read(tmp_path / name)


@pytest.mark.parametrize("word", ["happy", "=x", "bored=x", "id="])
def test_mappings_that_say_nothing_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="FIELD=COLUMN"):
        read_mapping([word])


def test_a_column_that_is_not_there_is_named_with_its_neighbour(table: Write) -> None:
    path = table("x.csv", ["id", "happy_score", "sad_score"], [["a", 0.5, 0.5]])
    with pytest.raises(DataError, match=r"no column 'hapy_score'.*did you mean happy_score\?"):
        read(path, "happy=hapy_score")


@pytest.mark.parametrize("name", ["result.npz", "test.npz", "3-test.npz"])
def test_folders_are_searched_for_the_result_of_the_split(tmp_path: Path, good: Result, name: str) -> None:
    good.save(tmp_path / name)
    good.save(tmp_path / "0-val.npz")
    assert read(tmp_path).path.name == name
    assert read(tmp_path, as_table=True).labels == good.labels  # a result stays one among tables


def test_folders_without_one_result_are_refused(tmp_path: Path, good: Result) -> None:
    with pytest.raises(UsageError, match="no result of test"):
        read(tmp_path)
    for seed in range(2):
        good.save(tmp_path / f"{seed}-test.npz")
    with pytest.raises(UsageError, match="holds 2 results of test"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["missing.npz", "missing.csv", "missing.parquet"])
def test_missing_files_are_a_users_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(MienError, match="missing"):
        read(tmp_path / name)


def test_any_file_is_a_table_when_told_so(table: Write) -> None:
    assert read(table("answers.txt", ["id", "label"], [["a", "sad"]]), as_table=True).certain


def test_a_table_of_another_suffix_is_told_how_to_be_read(table: Write) -> None:
    with pytest.raises(UsageError, match=r"answers.txt is neither .npz nor .csv.*--from csv"):
        read(table("answers.txt", ["id", "label"], [["a", "sad"]]))


def test_a_result_without_pictures_is_refused(tmp_path: Path, good: Result) -> None:
    path = good.take(np.zeros(len(good), bool)).save(tmp_path / "none.npz")
    with pytest.raises(DataError, match="holds no pictures"):
        read(path)
