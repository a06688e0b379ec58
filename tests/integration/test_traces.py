"""A whole farm that sends OpenTelemetry spans: one trace from a request to the runs of its proofs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import lean_settings
from tests.support.collector import Collector, Sent, collector
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

MARK = "marker_91c4"
CODES = [f"theorem {MARK} : 1 + 1 = {2 + index % 2} := by rfl -- {index}" for index in range(40)]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[tuple[RunningFarm, Collector]]:
    """A farm, and who it sends its spans to."""
    with collector() as kept:
        # A span is not held back for five seconds.
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": kept.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running_farm(tmp_path_factory.mktemp("traced"), **lean_settings(scripted), **settings) as running:
            yield running, kept


def post(farm: RunningFarm, path: str, **more: str) -> httpx.Response:
    body = {"proofs": [{"code": code} for code in [*CODES, f"{CODES[0]} -- crash!"]]}
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", **more}
    return httpx.post(f"{farm.url}{path}", json=body, headers=headers, timeout=60)


def named(spans: list[Sent], name: str) -> list[Sent]:
    return [span for span in spans if span.name == name]


def test_one_trace_leads_from_the_request_to_every_run(traced: tuple[RunningFarm, Collector]) -> None:
    farm, kept = traced
    answer = post(farm, "/v1/verify", **{"X-Request-ID": "traced-1"})
    assert [verdict["outcome"] for verdict in answer.json()["results"]][:2] == ["accepted", "rejected"]

    def whole() -> bool:
        """Whether every span has come: the one that kills its REPL runs three times, a claim ends after its runs."""
        spans = kept.spans(TRACE)
        runs, claims = named(spans, "run"), {claim.id for claim in named(spans, "claim")}
        return len(runs) >= len(CODES) + 3 and {run.parent for run in runs} <= claims

    await_true(whole, "a span for every run and its claim")
    await_true(lambda: named(kept.spans(TRACE), "POST /v1/verify"), "the span of the request")
    spans = kept.spans(TRACE)
    [request] = named(spans, "POST /v1/verify")
    runs, claims = named(spans, "run"), named(spans, "claim")
    assert (request.parent, request.service) == (CALLER, "leanfarm-api")
    assert "traced-1" in request.attributes["farm.request"]
    # Where a process lingers, the request needs no token.
    assert {token.parent for token in named(spans, "token")} <= {request.id}
    assert {claim.parent for claim in claims} == {request.id}
    assert {claim.attributes["farm.batch"] for claim in claims} == {request.attributes["farm.batch"]}
    assert {run.service for run in runs} == {"leanfarm-lean"}
    by_id = {claim.id: claim for claim in claims}
    for run in runs:
        claim = by_id[run.parent]
        assert claim.start_ns <= run.start_ns <= run.end_ns <= claim.end_ns
    assert {run.attributes["farm.index"] for run in runs} == {f"int_value: {i}\n" for i in range(len(CODES) + 1)}


def test_no_span_holds_a_proof(traced: tuple[RunningFarm, Collector]) -> None:
    farm, kept = traced
    post(farm, "/v1/verify")
    before = len(kept.bodies)
    await_true(lambda: len(kept.bodies) > before, "spans")

    assert MARK.encode() not in b"".join(kept.bodies)


def test_a_request_without_a_caller_begins_a_trace(traced: tuple[RunningFarm, Collector]) -> None:
    farm, kept = traced
    httpx.get(f"{farm.url}/v1/batches", headers={"X-Request-ID": "no-caller"})

    await_true(lambda: any(b"no-caller" in body for body in kept.bodies), "its span")


def test_what_the_caller_does_not_sample_is_not_sent(traced: tuple[RunningFarm, Collector]) -> None:
    farm, kept = traced
    unsampled = "1" * 32
    post(farm, "/v1/verify", traceparent=f"00-{unsampled}-{CALLER}-00")
    httpx.get(f"{farm.url}/v1/batches", headers={"X-Request-ID": "after-unsampled"})
    await_true(lambda: any(b"after-unsampled" in body for body in kept.bodies), "what came later is there")

    assert kept.spans(unsampled) == []


def test_a_collector_that_is_away_costs_no_verdict(tmp_path: Path, scripted: Install) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with running_farm(tmp_path / "alone", **lean_settings(scripted), **settings) as farm, farm.client() as client:
        verdicts = client.verify(CODES)
        await_true(lambda: "127.0.0.1" in farm.log("lean"), "it is said in the log")

    assert [str(verdict.outcome) for verdict in verdicts] == ["accepted", "rejected"] * (len(CODES) // 2)


def test_without_an_endpoint_no_exporter_is_imported() -> None:
    program = """
import sys
import api.access, workers.lean.work_loop
from farm.traces import open_traces, serve_span, span, traceparent
open_traces("api")
with serve_span("GET", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), span("run", index=1) as run:
    run.note(outcome="accepted")
    assert traceparent() == ""
# redis-py imports some of OpenTelemetry where it is installed.
assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")]
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_an_endpoint_without_the_library_stops_the_start_with_a_word() -> None:
    program = """
import sys
from farm.errors import ConfigurationError
from farm.traces import open_traces
sys.modules["opentelemetry.sdk.trace"] = None
try:
    open_traces("api")
except ConfigurationError as error:
    sys.exit(str(error))
"""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert "pip install 'leanfarm[traces]'" in run.stderr
