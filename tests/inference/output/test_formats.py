"""Each format holds the same predictions, whole even when interrupted."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.card import Card
from mien.errors import MediaError
from mien.face import Face
from mien.inference.output.formats import FORMATS, json_file
from mien.inference.output.parquet import GROUP, parts, schema
from mien.inference.output.rows import Extra, columns, rows
from mien.inference.prediction import Prediction
from mien.labels import EXPRESSIONS
from mien.measures import NAMES, Measures
from mien.outputs import Outputs

LABELS = ("neutral", "happiness")
FIGURES = {"val": {"per_class": {"happiness": {"f1": 0.9, "support": 20}}}}
CARD = Card(name="test", labels=LABELS, valence_arousal=True, action_units=("au04", "au12"), metrics=FIGURES)
COLUMNS = columns(CARD, Extra(measures=True))
FACE = Face(
    np.array([1.25, 2, 30, 40.5], np.float32),
    0.97,
    None,
    LABELS,
    np.array([0.25, 0.75], np.float32),
    track_id=3,
    valence=0.5,
    arousal=-0.25,
    action_units={"au04": 0.1, "au12": 0.9},
    crop=np.array([-1.5, 2, 38.25], np.float32),
    action_units_source="head",
    measures=Measures(12.344, -3, 0.5, 61.27, 0.91, 0.4, 0.05, 32.5, 118.126),
    reliabilities=(None, "good"),
)
UNMEASURED = replace(FACE, measures=None, measures_reason="turned too far")
PREDICTIONS = [
    Prediction('ü "1", x.jpg', None, None, 64, 48, faces=(FACE, FACE)),
    Prediction("v.mp4", 7, 0.28, 64, 48, faces=(FACE.read(LABELS, np.array([0.5, 0.5], np.float32), 0.9),)),
    Prediction("empty.jpg", None, None, 64, 48),
    Prediction("bad.jpg", error="bad.jpg: no"),
]


def written(name: str, predictions: list[Prediction]) -> bytes:
    stream = io.BytesIO()
    with FORMATS[name](stream, COLUMNS) as write:
        for prediction in predictions:
            write(prediction)
    return stream.getvalue()


def test_json_and_lines_are_the_same_objects() -> None:
    expected = [prediction.to_dict() for prediction in PREDICTIONS]
    assert json.loads(written("json", PREDICTIONS)) == expected
    assert [json.loads(line) for line in written("jsonl", PREDICTIONS).splitlines()] == expected
    assert json.loads(written("json", [])) == []
    assert written("jsonl", []) == b""


def test_flat_rows() -> None:
    first, second = rows(PREDICTIONS[0])
    assert first | {"face": 2} == second
    assert [first[name] for name in ("crop_x", "crop_y", "crop_side")] == [-1.5, 2, 38.25]
    assert [first[f"box_{corner}"] for corner in ("x1", "y1", "x2", "y2")] == [1.25, 2, 30, 40.5]
    assert (first["prob_neutral"], first["prob_happiness"], first["au12"]) == (0.25, 0.75, 0.9)
    assert set(first) == set(schema(COLUMNS).names)
    assert (first["expression"], first["reliability"]) == ("happiness", "good")
    assert [len(rows(prediction)) for prediction in PREDICTIONS] == [2, 1, 1, 1]
    assert "expression" not in rows(PREDICTIONS[2])[0]


def test_measures_are_columns_only_where_requested() -> None:
    known = dict.fromkeys([*NAMES, "measures_reason", "action_units_source"])
    (row,), (without,) = (rows(Prediction("a.jpg", faces=(face,))) for face in (FACE, UNMEASURED))
    assert (row["yaw"], row["distance_cm"], row["sharpness"], row["measures_reason"]) == (12.34, 61.3, 118.13, None)
    assert {name: without[name] for name in known} == known | {
        "measures_reason": "turned too far",
        "action_units_source": "head",
    }
    assert list(COLUMNS)[-len(known) :] == list(known)
    assert not known.keys() & columns(CARD).keys()
    assert not known.keys() & rows(Prediction("a.jpg", faces=(replace(FACE, measures=None),)))[0].keys()
    entry = UNMEASURED.to_dict()
    assert (entry["measures"], entry["measures_reason"]) == (None, "turned too far")
    assert FACE.to_dict()["measures"] == {name: row[name] for name in NAMES}


def test_csv_has_a_row_per_face_and_empty_cells() -> None:
    got = list(csv.DictReader(io.StringIO(written("csv", PREDICTIONS).decode())))
    assert [row["source"] for row in got] == ['ü "1", x.jpg'] * 2 + ["v.mp4", "empty.jpg", "bad.jpg"]
    assert [row["frame"] for row in got] == ["", "", "7", "", ""]
    assert [row["abstained"] for row in got] == ["false", "false", "true", "", ""]
    assert got[0]["confidence"] == "0.75"
    assert [row["error"] for row in got][-2:] == ["", "bad.jpg: no"]
    assert not any(
        got[3][name] for name in ("box_x1", "score", "expression", "confidence", "prob_neutral", "valence", "au04")
    )


def test_csv_of_nothing_has_its_header() -> None:
    assert written("csv", []).decode().strip().split(",") == schema(COLUMNS).names


@pytest.mark.parametrize("times", [0, 1, GROUP])
def test_parquet_has_types(times: int) -> None:
    table = pq.read_table(pa.BufferReader(written("parquet", PREDICTIONS * times)))
    assert table.schema.names == schema(COLUMNS).names
    assert table.num_rows == 5 * times
    assert table.schema.field("frame").type == pa.int64()
    if times:
        assert table["abstained"].to_pylist()[:5] == [False, False, True, None, None]
        assert table["prob_happiness"].to_pylist()[:5] == [0.75, 0.75, 0.5, None, None]


@pytest.mark.parametrize("name", ["json", "parquet", "csv", "jsonl"])
def test_an_interrupted_document_is_whole(name: str) -> None:
    def interrupted(stream: io.BytesIO) -> None:
        with FORMATS[name](stream, COLUMNS) as write:
            write(PREDICTIONS[0])
            raise MediaError("stop")

    stream = io.BytesIO()
    with pytest.raises(MediaError):
        interrupted(stream)
    if name == "json":
        assert len(json.loads(stream.getvalue())) == 1
    elif name == "parquet":
        assert pq.read_table(pa.BufferReader(stream.getvalue())).num_rows == 2
    else:
        assert stream.getvalue().decode().count("\n") == (3 if name == "csv" else 1)


def test_a_json_file_is_whole_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    with json_file(Outputs(tmp_path), path.name, COLUMNS) as write:
        assert json.loads(path.read_text()) == []
        for count, prediction in enumerate(PREDICTIONS, 1):
            write(prediction)
            assert len(json.loads(path.read_text())) == count
    assert path.read_text() == written("json", PREDICTIONS).decode()


@pytest.mark.parametrize("times", [0, 1, GROUP])
def test_parts_become_one_file(tmp_path: Path, times: int) -> None:
    path = tmp_path / "predictions.parquet"
    with parts(Outputs(tmp_path), path.name, COLUMNS) as write:
        for prediction in PREDICTIONS * times:
            write(prediction)
        if times > 1:  # what would be left now is a data set with the rows written so far
            table = pq.read_table(tmp_path / "predictions.parquet.parts")
            assert table.schema.names == schema(COLUMNS).names
            assert 5 * times - GROUP < table.num_rows <= 5 * times
            assert not path.exists()
    assert [left.name for left in tmp_path.iterdir()] == ["predictions.parquet"]
    assert pq.read_table(path).equals(pq.read_table(pa.BufferReader(written("parquet", PREDICTIONS * times))))
    assert pq.ParquetFile(path).num_row_groups <= 1 + 5 * times // GROUP


def test_parts_are_joined_after_an_error(tmp_path: Path) -> None:
    def interrupted() -> None:
        with parts(Outputs(tmp_path), "a.parquet", COLUMNS) as write:
            write(PREDICTIONS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from mien.card import Card
from mien.inference.output import parquet
from mien.inference.output.rows import columns
from mien.inference.prediction import Prediction
from mien.outputs import output_folder
from mien.outputs.targets import Kinds
parquet.LATEST = 0.02
import time
out, name = Path(sys.argv[1]), "predictions.parquet"
kinds = Kinds((name,), {f"{name}.parts": (".parquet",)})
with output_folder(out, "predict", kinds, facts={"mien": "0"}) as outputs:
    with parquet.parts(outputs, name, columns(Card(name="test", labels=("neutral", "happiness")))) as write:
        for k in range(int(sys.argv[2])):
            write(Prediction(f"{k}.jpg", width=1, height=1))
            time.sleep(0.001)
        if len(sys.argv) > 3:
            (out / f"{name}.parts" / ".mien-00000000.part").write_bytes(b"PAR1 half")
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_run_leaves_parts_that_are_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "3"], check=True)
    assert pq.read_table(path).num_rows == 3
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, "500", "kill"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    names = pq.read_table(tmp_path / "predictions.parquet.parts")["source"].to_pylist()
    assert names == [f"{k}.jpg" for k in range(len(names))]
    assert len(names) > 100
    pandas = pytest.importorskip("pandas")
    assert list(pandas.read_parquet(tmp_path / "predictions.parquet.parts")["source"]) == names
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "2"], check=True)  # the next run begins from scratch
    assert pq.read_table(path).num_rows == 2
    assert sorted(left.name for left in tmp_path.iterdir()) == ["mien-run.json", "predictions.parquet"]


def test_table_is_for_people() -> None:
    lines = written("table", PREDICTIONS).decode().splitlines()
    assert lines[0].split() == ["source", "face", "box", "expression", "next", "yaw", "pitch", "roll"]
    assert "happiness" in lines[1]
    assert "75 %" in lines[1]
    assert "1,2 30,40" in lines[1]
    assert "v.mp4 0.28 s" in lines[3]
    assert "(neutral)" in lines[3] or "(happiness)" in lines[3]
    assert "no face" in lines[4]
    assert "cannot be read" in lines[5]
    assert max(map(len, lines)) <= 120
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_columns_come_in_the_order_of_box_square_and_vocabulary(name: str) -> None:
    card = Card(name="test", labels=EXPRESSIONS)
    stream = io.BytesIO()
    with FORMATS[name](stream, columns(card)) as write:
        write(PREDICTIONS[2])
    content = stream.getvalue()
    names = (
        content.decode().splitlines()[0].split(",") if name == "csv" else pq.read_schema(pa.BufferReader(content)).names
    )
    assert names[:3] == ["source", "frame", "seconds"]
    assert [one for one in names if one.startswith("box_")] == ["box_x1", "box_y1", "box_x2", "box_y2"]
    assert [one for one in names if one.startswith("crop_")] == ["crop_x", "crop_y", "crop_side"]
    labels = [one.removeprefix("prob_") for one in names if one.startswith("prob_")]
    assert " ".join(labels) == "neutral happiness sadness surprise fear disgust anger contempt"


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "table"])
def test_a_name_that_is_no_utf8_is_kept_apart_from_others(format: str) -> None:
    names = ["a\udcff.jpg", "a\udcfe.jpg", "\u202e\x1b.jpg"]
    content = written(format, [Prediction(name, error=f"{name}: no") for name in names])
    if format == "parquet":
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
    elif format == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
    else:
        rows = [json.loads(line.strip(",")) for line in content.decode().splitlines() if line.startswith("{")]
    assert [row["source"] for row in rows] == [r"a\xff.jpg", r"a\xfe.jpg", "\u202e\x1b.jpg"]
    assert rows[0]["error"] == r"a\xff.jpg: no"
