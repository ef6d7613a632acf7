"""The OpenAPI description: what it says holds, whatever is sent."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mien.serving import spec

from . import live

EXAMPLES = 60
WITH_INPUT = ("/v1/predict",)


def test_the_example_is_a_row(client: TestClient, photos: list[Path]) -> None:
    (row,) = client.post("/v1/predict", files=[("images", (photos[0].name, photos[0].read_bytes()))]).json()
    assert row.keys() == spec.ROW.keys()
    assert spec.FACE.keys() <= row["faces"][0].keys()
    assert row["faces"][0]["expression"] == spec.FACE["expression"]


def test_metrics_count(client: TestClient, photos: list[Path]) -> None:
    client.post("/v1/predict", files=[("images", (photos[0].name, photos[0].read_bytes()))])
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    assert float(lines['mien_requests_total{method="POST",route="/v1/predict",status="200"}']) >= 1
    assert float(lines['mien_images_total{outcome="read"}']) >= 1
    assert float(lines["mien_waiting"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_nothing_that_is_sent_is_a_failure(served: live.Live, mode: str) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    kept = (not_a_server_error, checks.status_code_conformance, checks.content_type_conformance)
    description = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    for result in description.get_all_operations():
        operation = result.ok()

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        def holds(case: Any) -> None:
            case.call_and_validate(checks=[*kept, checks.response_schema_conformance])

        if mode == "positive" or operation.path in WITH_INPUT:
            holds()
