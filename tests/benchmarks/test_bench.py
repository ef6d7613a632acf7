"""The parts of the benchmark that compute: the front, operations of a graph, promises, tables, workers' protocol."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize(
    ("points", "ahead"),
    [
        ([], []),
        ([("only", 1, 0.5)], ["only"]),
        ([("slow and good", 2, 0.7), ("quick and bad", 1, 0.6)], ["quick and bad", "slow and good"]),
        ([("beaten in both", 3, 0.5), ("best", 1, 0.6)], ["best"]),
        ([("as quick but worse", 1, 0.5), ("best", 1, 0.6)], ["best"]),
        ([("as good but slower", 2, 0.6), ("best", 1, 0.6)], ["best"]),
        ([("a", 1, 0.6), ("equal", 1, 0.6)], ["a", "equal"]),
    ],
)
def test_front_holds_what_nothing_beats(points: list[tuple[str, float, float]], ahead: list[str]) -> None:
    from bench.pareto import Point, front

    assert [point.name for point in front([Point(*point) for point in points])] == ahead


def test_front_agrees_with_the_definition_on_random_points() -> None:
    from bench.pareto import Point, beaten, front

    rng = np.random.default_rng(0)
    points = [Point(str(k), float(c), float(a)) for k, (c, a) in enumerate(rng.integers(0, 6, (60, 2)))]
    lost = beaten(points)
    for point in points:
        better = [
            o.name for o in points if (o.cost <= point.cost and o.accuracy > point.accuracy)
            or (o.cost < point.cost and o.accuracy >= point.accuracy)
        ]  # fmt: skip
        assert lost[point.name] == better
    assert {point.name for point in front(points)} == {name for name, by in lost.items() if not by}


def _graph(batch: str | int = "faces") -> Any:
    """A 3 x 3 convolution of 4 x 4 images into 8 channels, a grouped one, and a layer of 10."""
    from onnx import TensorProto, helper

    def weights(name: str, *shape: int) -> Any:
        return helper.make_tensor(name, TensorProto.FLOAT, shape, np.zeros(shape, np.float32).ravel())

    nodes = [
        helper.make_node("Conv", ["x", "k"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("Conv", ["z", "g"], ["u"], pads=[1, 1, 1, 1], group=8),
        helper.make_node("Flatten", ["u"], ["v"]),
        helper.make_node("Gemm", ["v", "w"], ["out"], transB=1),
    ]
    held = [weights("k", 8, 3, 3, 3), weights("g", 8, 1, 3, 3), weights("w", 10, 128)]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 4, 4])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 10])
    graph = helper.make_graph(nodes, "small", [x], [out], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def test_operations_of_a_graph_are_those_counted_by_hand() -> None:
    pytest.importorskip("onnx")
    from bench.flops import count_in

    first = 2 * (8 * 4 * 4) * (3 * 3 * 3)
    grouped = 2 * (8 * 4 * 4) * (1 * 3 * 3)
    layer = 2 * 10 * 128
    assert count_in(_graph()) == first + grouped + layer == 11_776


def test_operations_without_shapes_are_an_error() -> None:
    pytest.importorskip("onnx")
    from bench.flops import count_in

    model = _graph()
    model.graph.node[1].domain = "elsewhere"  # what it gives has no shape that onnx could know
    model.opset_import.add(domain="elsewhere", version=1)
    with pytest.raises(ValueError, match="the shape of u is not known"):
        count_in(model)


@pytest.mark.parametrize(("name", "least", "most"), [("fer2013", 2e8, 2.5e8), ("fer2013-nano", 3e7, 5e7)])
def test_operations_of_shipped_weights(name: str, least: float, most: float) -> None:
    pytest.importorskip("onnx")
    from bench.flops import count

    from mien.inference.classify import locate

    assert least < count(locate(name)) < most


def test_profile_by_kind_counts_kernels_and_what_lies_between() -> None:
    from bench.workers import by_kind

    def node(name: str, kind: str, dur: int) -> dict[str, Any]:
        return {"cat": "Node", "name": name, "dur": dur, "args": {"op_name": kind}}

    events = [
        {"cat": "Session", "name": "model_run", "dur": 100},
        node("a_kernel_time", "Conv", 50),
        node("a_fence_before", "Conv", 999),
        node("b_kernel_time", "Conv", 20),
        node("c_kernel_time", "Gemm", 10),
    ]
    assert by_kind(events) == {"Conv": 70, "Gemm": 10, "between nodes": 20}


def _parts(**changes: float) -> dict[str, Any]:
    """Measured by nobody: what the parts keep, with the figures that decide whether promises are kept."""
    given = {"nano": 0.1, "fer": 0.3, "mien_fps": 90.0, "fer_fps": 30.0, "cold": 0.5, "fer_cold": 2.0} | changes
    given = {"measures_fps": 80.0, "measures_ms": 11.0} | given
    place = {"quick": False, "processor": "none", "cores": 2, "python": "3", "versions": {"numpy": "2"}}
    costs = {"mien fer2013-nano": given["nano"], "fer tflite": given["fer"]}
    rows = [{"system": n, "threads": 1, "batch": 64, "cpu_ms": c, "faces_per_second": 9} for n, c in costs.items()]
    right = {"mien fer2013-nano": {"accuracy": 0.68}, "fer tflite": {"accuracy": 0.66}}
    beaten = {"mien fer2013-nano": ["fer tflite"]} if given["fer"] < given["nano"] and changes.get("worse") else {}
    speed = {"mien": given["mien_fps"], "fer": given["fer_fps"]}
    frames = [
        {"system": n, "size": "720p", "faces": 1, "frames_per_second": f, "cpu_ms": 1.0, "faces_found": 1.0}
        for n, f in speed.items()
    ]
    measured = {"system": "mien with measures", "clip": "a recording", "frames_per_second": given["measures_fps"]}
    measured |= {"cpu_ms": 20.0, "faces_found": 1.0, "measures_cpu_ms": given["measures_ms"]}
    starts = {"mien API": given["cold"], "fer API": given["fer_cold"]}
    return {
        "faces": {
            **place,
            "rows": rows,
            "megabytes": {"mien fer2013-nano": 0.7},
            "accuracy": {"fer2013": {"full": {"n": 3589, "systems": right}}},
            "fronts": [{"data": "fer2013", "threads": 1, "batch": 64, "front": [], "beaten": beaten}],
        },
        "video": {**place, "frames": 150, "rows": frames},
        "measures": {**place, "frames": 150, "mediapipe": "1", "load": [0.5, 2.25], "rows": [measured]},
        "cold": {**place, "rows": [{"system": n, "wall": w, "cpu": w} for n, w in starts.items()]},
    }


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"nano": 0.211}, ["0.7 of fer"]),
        ({"mien_fps": 59.0, "fer_fps": 10.0}, ["60 frames"]),
        ({"mien_fps": 89.0}, ["3 times"]),
        ({"measures_ms": 12.1}, ["12 ms"]),
        ({"measures_fps": 69.0}, ["70 frames"]),
        ({"cold": 0.51}, ["1/4"]),
        ({"nano": 0.4, "worse": 1}, ["no peer", "0.7 of fer"]),
    ],
)
def test_bars_tell_which_promises_are_missed(changes: dict[str, float], missed: list[str]) -> None:
    from bench.targets import bars

    report = [bar.promise for bar in bars(_parts(**changes)) if not bar.met]
    assert len(report) == len(missed)
    assert all(word in promise for word, promise in zip(missed, report, strict=True))


def test_bars_without_peers_judge_what_they_can() -> None:
    from bench.targets import bars

    parts = _parts()
    for about in parts.values():
        about["rows"] = [row for row in about["rows"] if not row["system"].startswith("fer")]
    assert [bar.promise.split(":")[0] for bar in bars(parts)] == ["mien fer2013-nano", "video", "measures", "measures"]
    assert bars({}) == []


def test_page_has_a_section_per_part_and_tables_that_are_whole() -> None:
    from bench.page import page

    parts = _parts()
    text = page(parts, ["figures/a.svg"])
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Promises", "## Faces", "## Video", "## Measures", "## Cold start"
    ]  # fmt: skip
    assert "| mien fer2013-nano | 68.00 | 0.100 |" in text
    assert "| 720p | 1 | 90.0 | 1.0 | 1.0 | 30.0 | 1.0 | 1.0 | 3.0 |" in text
    assert "| a recording | mien with measures | 80.0 | 20.0 | 1.0 | 11.0 |" in text
    assert "before and after: 0.5, 2.25" in text
    assert "mean nothing" not in text
    assert text.count("none, 2 cores") == 1
    for table in text.split("\n\n"):
        widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) <= 1
    parts["video"]["quick"] = True
    assert "mean nothing" in page(parts)


def test_page_without_peers_has_gaps() -> None:
    from bench.page import page

    parts = _parts()
    parts["video"]["rows"] = parts["video"]["rows"][:1]
    assert "| 720p | 1 | 90.0 | 1.0 | 1.0 | - | - | - | - |" in page(parts)


def test_fronts_judge_every_batch_and_thread_count() -> None:
    import faces

    rows = [
        {"system": name, "threads": threads, "batch": batch, "cpu_ms": ms}
        for threads in faces.THREADS
        for batch in faces.BATCHES
        for name, ms in (("mien a", 1.0), ("fer tflite", 0.5 if batch == 1 else 2.0))
    ]
    scores = {"mien a": {"accuracy": 0.6}, "fer tflite": {"accuracy": 0.6}}
    report = faces.fronts(rows, {"fer2013": {"full": {"systems": scores}}})
    assert [case["front"] for case in report] == [["fer tflite"], ["mien a"], ["mien a"]] * 2
    assert report[0]["beaten"] == {"mien a": ["fer tflite"]}


def test_worker_is_heard_through_what_its_libraries_print(tmp_path: Path) -> None:
    from bench.interleave import Worker

    script = tmp_path / "echo.py"
    script.write_text(
        "import os, sys\nfor line in sys.stdin:\n"
        "    print('noise'); print('result {\"threads\": ' + os.environ['OMP_NUM_THREADS'] + '}', flush=True)\n"
    )
    with Worker([sys.executable, script], threads=3) as worker:
        assert worker.ask(do="tell") == {"threads": 3}
        assert worker.ask(do="tell") == {"threads": 3}


def test_a_worker_that_dies_is_reported(tmp_path: Path) -> None:
    from bench.interleave import Worker

    script = tmp_path / "dies.py"
    script.write_text("input()\n")
    with pytest.raises(SystemExit, match="ended without a result"), Worker([sys.executable, script]) as worker:
        worker.ask(do="tell")


def test_own_worker_reads_crops_and_clips(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    from bench import fixtures, interleave

    crops = np.random.default_rng(0).integers(0, 256, (16, 48, 48), np.uint8)
    crops.tofile(tmp_path / "crops.bin")
    with interleave.mien("faces", "fer2013-nano", tmp_path / "crops.bin", threads=1) as worker:
        report = worker.ask(do="time", batch=8, seconds=0.02)
        predictions = worker.ask(do="predict")
    assert report["faces"] % 8 == 0
    assert 0 < report["cpu"] <= report["wall"] * 1.5
    assert np.array(predictions["probs"]).shape == (16, 7)
    fixtures.clip(tmp_path / "clip.mp4", "360p", 12, 3)
    with interleave.mien("images") as worker:
        report = worker.ask(do="video", path=str(tmp_path / "clip.mp4"))
    assert (report["frames"], report["faces"]) == (12, 36)


def test_folder_holds_every_photo_ten_times(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    import folder

    paths = folder.fill(tmp_path / "photos", 2)
    files = sorted((tmp_path / "photos").iterdir())
    assert len(files) == 20
    assert len({file.read_bytes() for file in files}) == len(paths) == 2


def test_kept_parts_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import environment

    monkeypatch.setattr(environment, "RESULTS", tmp_path / "real")
    monkeypatch.setattr(environment, "QUICK", tmp_path / "quick")
    environment.keep("cold", {"quick": True, "rows": []})
    assert environment.kept(quick=True) == {"cold": {"quick": True, "rows": []}}
    assert environment.kept(quick=False) == {}
    assert json.loads((tmp_path / "quick" / "cold.json").read_text())["quick"]


def test_figures_are_drawn_from_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import environment

    monkeypatch.setattr(environment, "QUICK", tmp_path)
    import figure

    made = figure.draw(_parts(), quick=True)
    assert [path.name for path in made] == ["speed-accuracy.svg", "video-speed.svg"]
    assert "fer tflite" in made[0].read_text()
