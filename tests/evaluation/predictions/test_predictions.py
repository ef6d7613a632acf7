"""Tables of other systems: what is read, and what is refused with the rows at fault."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError, MienError, UsageError
from mien.evaluation.predictions import SystemPredictions, read_all
from mien.evaluation.predictions.mapping import read_mapping
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters

Write = Callable[..., Path]


def read(path: Path, *columns: str, as_table: bool = False) -> SystemPredictions:
    return read_all([path], columns, as_table=as_table)[0]


@pytest.mark.parametrize(
    "head",
    [
        ["path", "happy", "sad", "neutral"],
        ["Image Name", "prob_happiness", "prob_sadness", "prob_neutral"],
        ["filename", "happy_score", "sad_score", "neutral_score"],
        ["file", "Emotion.Happy", "Emotion.Sad", "Emotion.Neutral"],
        ["id", "p(happy)", "p(sad)", "p(neutral)"],
        ["source", "joy", "SAD", "Neutral confidence"],
        ["Image File", "Emotion.Joyful (%)", "Emotion.sorrow (%)", "Emotion.Calm/Neutral (%)"],
        ["photo", "HAPPY", "SAD", "CALM"],
        ["imageId", "joyLikelihood", "sorrowLikelihood", "neutralLikelihood"],
    ],
)
def test_columns_are_inferred_from_their_names_and_reported(table: Write, head: list[str]) -> None:
    predictions = read(table("kit.csv", head, [["a.jpg", 0.7, 0.1, 0.2], ["b.jpg", 0.2, 0.5, 0.3]]))
    assert predictions.labels == ("neutral", "happiness", "sadness")
    assert predictions.probs == pytest.approx(np.array([[0.2, 0.7, 0.1], [0.3, 0.2, 0.5]]))
    assert not predictions.labels_only
    assert predictions.ids.tolist() == ["a.jpg", "b.jpg"]
    assert all(name in predictions.notes[0] for name in head)


@pytest.mark.parametrize(
    ("cells", "subjects"),
    [
        (["s1", "s1", "", "nan", "NA", "unknown", "nan"], 6),
        (["nan", "nan", "", "N/A", "None", "unknown", "null"], None),
        (["row 3", "row 3", "", "s1", "s1", "s1", "s1"], 3),
    ],
)
def test_rows_without_a_subject_are_groups_of_their_own(table: Write, cells: list[str], subjects: int | None) -> None:
    rows = [[f"{k}.jpg", "happy", cell] for k, cell in enumerate(cells)]
    group = read(table("kit.csv", ["file", "prediction", "subject"], rows)).group
    assert (None if group is None else clusters.count(group)) == subjects
    assert (group is None) == (subjects is None)


@pytest.mark.parametrize("head", ["prediction", "label", "Emotion", "dominant_emotion", "pred"])
def test_labels_alone_are_one_hot_and_marked_as_labels_only(table: Write, head: str) -> None:
    predictions = read(table("api.csv", ["image", head], [["a", "Happy"], ["b", " angry "], ["c", "happiness"]]))
    assert predictions.labels == ("happiness", "anger")
    assert predictions.probs.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert predictions.labels_only


def test_columns_can_be_named(table: Write) -> None:
    path = table("x.csv", ["a", "b", "c", "t"], [["1.png", 0.9, 0.1, "sad"], ["2.png", 0.3, 0.7, "happy"]])
    predictions = read(path, "id=a", "happy=b", "sadness=c", "truth=t")
    assert predictions.probs.tolist() == [[0.9, 0.1], [0.3, 0.7]]
    assert predictions.target_labels == ("happiness", "sadness")
    assert predictions.target is not None
    assert predictions.target.tolist() == [[0, 1], [1, 0]]


def test_a_named_label_column_goes_before_inferred_probabilities(table: Write) -> None:
    path = table("x.csv", ["id", "happy", "sad", "top"], [["1", 0.9, 0.1, "sad"]])
    assert read(path, "label=top").labels_only
    predictions = read(path)
    assert not predictions.labels_only


def test_a_label_column_beside_probabilities_is_not_used_and_reported(table: Write) -> None:
    predictions = read(table("x.csv", ["id", "label", "happy", "sad"], [["1", "sad", 0.9, 0.1]]))
    assert not predictions.labels_only
    assert "column label is not used" in predictions.notes[1]


def test_percentages_and_rounding_are_undone_and_reported(table: Write) -> None:
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
    predictions = read(tmp_path / "x.parquet")
    assert predictions.ids.tolist() == ["5", "6"]
    assert predictions.probs.tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_the_table_of_mien_predict_is_read(table: Write) -> None:
    head = ["source", "frame", "score", "expression", "confidence", "prob_neutral", "prob_happiness"]
    predictions = read(table("predictions.csv", head, [["a.jpg", "", 0.9, "neutral", 0.6, 0.6, 0.4]]))
    assert (predictions.ids.tolist(), predictions.labels) == (["a.jpg"], ("neutral", "happiness"))


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        (
            ["id", "happy", "sad"],
            [["a", 0.5, 0.5], ["b", 0.5, 0.3]],
            "row 2 whose probabilities do not sum to one, the first to 0.8",
        ),
        (
            ["id", "happy", "sad"],
            [["a", 0.5, 0.5], ["b", "nan", 0.3]],
            "row 2 without a number in column happy, first 'nan'",
        ),
        (["id", "happy", "sad"], [["a", 0.5, 0.5], ["b", 0.5, ""]], "row 2 without a number in column sad, first ''"),
        (["id", "happy", "sad"], [["a", "1,000.5", 0]], "row 1 without a number in column happy, first '1,000.5'"),
        (["id", "joyLikelihood", "sad"], [["a", "VERY_LIKELY", 0]], "without a number in column joyLikelihood"),
        (["id", "happy", "sad"], [["a", "", ""], ["b", 0, 0]], "holds no predictions"),
        (["id", "label"], [["a", ""], ["b", "None"]], "holds no predictions"),
        (["id", "label", "truth"], [["a", "sad", "sad"], ["b", "sad", ""]], "row 2 without a label in column truth"),
        (["id", "happy", "sad"], [["a", 0.1, 0.2]], "only probabilities can be compared, or labels"),
        (["id", "happy", "sad"], [["a", 1.5, -0.5]], "row 1 with a negative probability"),
        (["id", "label"], [["a", "happy"], ["b", "bored"]], "row 2 without an expression in column label: 'bored' 1;"),
        (["id", "label"], [["a", "hapiness"]], "did you mean happiness?"),
        (["id", "label"], [["a", "happy"], ["a", "sad"]], "2 rows (1, 2) name the same images, 'a' first"),
        (["id", "label"], [], "has no rows"),
        (["id", "size"], [["a", 3]], "has columns id, size; expected columns of probabilities or a column of labels"),
        (["nr", "label"], [["a", "sad"]], "expected one that names the image; name it with `column` id=..."),
        (["id", "label"], [["a", "sad"], ["b"]], "row 2 with a different number of cells from the header"),
        (["id", "label", "label"], [["a", "sad", "sad"]], "duplicate columns label"),
        (["id", "label", "truth"], [["a", "sad", "dull"]], "row 1 without an expression in column truth"),
    ],
)
def test_bad_tables_are_refused_by_row(table: Write, head: list[str], rows: list[list[object]], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(table("bad.csv", head, rows))
    assert "\n" not in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "id,label\n", "\ufeff"])
def test_empty_tables_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("content", [b"\x00\xff\xfe", b"\x89PNG\r\n\x1a\n\x00\x00", b"PAR1"])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_files_that_are_not_tables_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        read(tmp_path / name)


@pytest.mark.parametrize("word", ["happy", "=x", "bored=x", "id=", "a.csv:=x", "a.csv:bored=x"])
def test_malformed_mappings_are_refused(word: str) -> None:
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


def test_folders_without_a_result_are_refused(tmp_path: Path, good: Result) -> None:
    (tmp_path / "killed").mkdir()
    with pytest.raises(UsageError, match="no result of test"):
        read(tmp_path)


@pytest.mark.parametrize("names", [("0-test.npz", "1-test.npz"), ("0/test.npz", "1/result.npz"), ("0/test.npz",)])
def test_folders_of_several_results_are_runs_of_one_system(tmp_path: Path, good: Result, names: list[str]) -> None:
    for name in names:
        good.save(tmp_path / name)
    systems = read_all([good.save(tmp_path / "other" / "good.npz"), tmp_path])
    assert [system.path for system in systems[1:]] == [tmp_path / name for name in names]
    assert [system.place for system in systems] == [0] + [1] * len(names)
    assert {system.folder for system in systems[1:]} == {tmp_path if len(names) > 1 else None}


@pytest.mark.parametrize("name", ["missing.npz", "missing.csv", "missing.parquet"])
def test_missing_files_are_a_users_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(MienError, match="missing"):
        read(tmp_path / name)


def test_any_file_can_be_read_as_a_table(table: Write, tmp_path: Path, good: Result) -> None:
    path = table("labels.txt", ["id", "label"], [["a", "sad"]])
    assert read(path, as_table=True).labels_only
    both = read_all([path, good.save(tmp_path / "good.npz")], as_table=True)
    assert [one.labels_only for one in both] == [True, False]  # a result stays one among tables
    with pytest.raises(UsageError, match="`source` csv without a table"):
        read(tmp_path / "good.npz", as_table=True)


def test_the_error_for_another_suffix_names_the_option(table: Write) -> None:
    with pytest.raises(UsageError, match=r"labels.txt is neither .npz nor .csv.*`source` csv"):
        read(table("labels.txt", ["id", "label"], [["a", "sad"]]))


def test_a_result_without_images_is_refused(tmp_path: Path, good: Result) -> None:
    path = good.take(np.zeros(len(good), bool)).save(tmp_path / "none.npz")
    with pytest.raises(DataError, match="holds no images"):
        read(path)


def test_the_plain_word_goes_before_a_services_word_for_the_same(table: Write) -> None:
    path = table("x.csv", ["id", "calm", "neutral", "sad"], [["a", 0.9, 0.4, 0.6]])
    assert read(path).probs.tolist() == [[0.4, 0.6]]


@pytest.mark.parametrize(
    ("cells", "wanted", "message"),
    [
        (["10.2%", "89.8 %"], [0.102, 0.898], "divided by 100"),
        (["10,2", "89,8"], [0.102, 0.898], "decimal commas"),
        (["0,25", "0,75"], [0.25, 0.75], "decimal commas"),
        (["12,5%", "87,5%"], [0.125, 0.875], "divided by 100"),
        (["1,000", "0"], [1, 0], "decimal commas"),
    ],
)
def test_per_cent_signs_and_decimal_commas_are_read(
    table: Write, cells: list[str], wanted: list[float], message: str
) -> None:
    predictions = read(table("x.csv", ["id", "neutral", "happy"], [["a", *cells]]))
    assert predictions.probs[0] == pytest.approx(wanted)
    assert any(message in note for note in predictions.notes)


def test_rows_that_lack_a_column_list_the_others_and_the_options_to_add(table: Write) -> None:
    head = ["id", "happy", "calm", "Gloom (%)", "grin", "ms", "note"]
    path = table("api.csv", head, [["a", 50, 10, 30, 10, 7, "x"]])
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    for part in (
        "row 1 whose probabilities do not sum to one, the first to 60",
        "found 'calm' (neutral), 'happy' (happiness)",
        "not found sadness, surprise",
        "not used 'Gloom (%)', 'grin', 'ms'",
        "`column` sadness='Gloom (%)' `column` surprise=grin",
        "`column` ignore='Gloom (%)' `column` ignore=grin",
    ):
        assert part in message
    predictions = read(path, "sad=Gloom (%)", "ignore=grin")
    assert predictions.probs[0] == pytest.approx([1 / 9, 5 / 9, 3 / 9])


def test_a_single_column_of_probabilities_is_refused_with_the_missing_ones(table: Write) -> None:
    with pytest.raises(DataError, match=r"found 'happy' \(happiness\); not found neutral, .*`column` EXPRESSION="):
        read(table("x.csv", ["id", "happy", "gloom"], [["a", 0.5, 0.5]]))


def test_columns_of_other_expressions_are_ignored_on_request_and_reported(table: Write) -> None:
    rows = [["a", 60, 30, 10], ["b", 10, 20, 70], ["c", 0, 0, 100]]
    path = table("rek.csv", ["file", "HAPPY", "CALM", "CONFUSED"], rows)
    with pytest.raises(DataError, match="with CONFUSED they do: `column` ignore=CONFUSED"):
        read(path)
    predictions = read(path, "ignore=CONFUSED")
    assert predictions.labels == ("neutral", "happiness")
    assert predictions.probs == pytest.approx(np.array([[1 / 3, 2 / 3], [2 / 3, 1 / 3], [0, 0]]))
    assert predictions.present.tolist() == [True, True, False]  # everything in c was ignored
    (note,) = [note for note in predictions.notes if "IGNORED" in note]
    assert "CONFUSED, with 60.0 % of the probability on average and top-1 in 2 of 3 rows" in note
    with pytest.raises(DataError, match="do not sum to one"):  # ignored columns count for the sum
        read(table("x.csv", ["id", "happy", "sad", "other"], [["a", 0.5, 0.2, 0.1]]), "ignore=other")


def test_every_unknown_word_is_listed_with_its_count(table: Write) -> None:
    words = ["gloom"] * 3 + ["Angery", "happy", "grin", "grin"]
    path = table("api.csv", ["id", "label"], enumerate(words))
    with pytest.raises(DataError) as caught:
        read(path)
    assert "'gloom' 3, 'grin' 2, 'Angery' 1 (did you mean anger?)" in str(caught.value)
    assert "`column` EXPRESSION=gloom" in str(caught.value)


def test_words_of_labels_can_be_mapped(table: Write) -> None:
    path = table("api.csv", ["id", "label"], enumerate(["Gloom", "tears", "happy", "confused", "CALM"]))
    predictions = read(path, "sad=gloom", "sadness=tears", "ignore=confused")
    assert predictions.labels == ("neutral", "happiness", "sadness")
    assert predictions.probs.argmax(1).tolist() == [2, 2, 1, 0, 0]
    assert predictions.present.tolist() == [True, True, True, False, True]
    assert (
        "in column label, as given: gloom (sadness), tears (sadness), confused (no prediction)" in predictions.notes[1]
    )


def test_mapped_words_of_labels_go_before_inferred_probabilities(table: Write) -> None:
    path = table("x.csv", ["id", "happy", "sad", "label"], [["1", 0.9, 0.1, "gloom"]])
    assert read(path, "sad=gloom").labels_only
    with pytest.raises(UsageError, match="one or the other"):
        read(path, "sad=gloom", "happy=happy", "fear=sad")


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        (["id", "label"], [["a", "sad"], ["b", ""], ["c", "happy"], ["d", " NaN "]]),
        (["id", "sad", "happy"], [["a", 1, 0], ["b", "", ""], ["c", 0.2, 0.8], ["d", 0, 0]]),
        (["id", "sad", "happy"], [["a", "100%", "0%"], ["b", "", ""], ["c", "20%", "80%"], ["d", "-", "-"]]),
    ],
)
def test_empty_rows_are_images_without_a_prediction(table: Write, head: list[str], rows: list[list[object]]) -> None:
    predictions = read(table("x.csv", head, rows))
    assert predictions.present.tolist() == [True, False, True, False]
    assert predictions.probs[~predictions.present].sum() == 0
    assert any("2 rows without a prediction (b, d)" in note for note in predictions.notes)


TWO = (("a.csv", ["photo", "what"], [["1", "sad"]]), ("b.csv", ["Bild", "what", "photo"], [["1", "sad", "x"]]))


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["label=what", "a.csv:id=photo", "b.csv:id=Bild"], ["1", "1"]),
        (["label=what", "id=photo"], ["1", "x"]),
        (["a:label=what", "b:label=what", "b:id=Bild"], ["1", "1"]),
    ],
)
def test_columns_are_named_for_every_table_or_for_one(table: Write, words: list[str], ids: list[str]) -> None:
    systems = read_all([table(*one) for one in TWO], words)
    assert [one.ids[0] for one in systems] == ids


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["label=what", "id=photo", "id=Bild"], r"b.csv: `column` id=photo and id=Bild.*b.csv:id=\.\.\. is for this"),
        (["label=what", "c.csv:id=photo"], "`column` c.csv:id=photo without such a table"),
        (["label=what", "id=foto"], r"no table has a column 'foto' .*did you mean photo\?"),
        (["label=what", "a.csv:id=Bild"], "a.csv has no column 'Bild'"),
        (["label=what", "id=what"], "gives what two meanings"),
        (["label=what", "sad=gloom"], "no table has a column 'gloom'"),
    ],
)
def test_mappings_that_cannot_be_used_are_refused(table: Write, words: list[str], message: str) -> None:
    with pytest.raises(MienError, match=message):
        read_all([table(*one) for one in TWO], words)


def test_mappings_without_a_table_are_refused(tmp_path: Path, good: Result) -> None:
    with pytest.raises(UsageError, match="`column` happiness=joy without such a table; expected a table beside it"):
        read(good.save(tmp_path / "good.npz"), "happy=joy")


def test_results_of_another_split_are_refused(tmp_path: Path, good: Result) -> None:
    path = good.save(tmp_path / "result.npz")
    assert read_all([path], split="test")[0].labels_only is False
    for wanted in (path, tmp_path):
        with pytest.raises(UsageError, match=r"`split` val, but .*result.npz is of test"):
            read_all([wanted], split="val")
