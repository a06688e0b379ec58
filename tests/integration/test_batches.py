"""Batches over HTTP: submit, stream, resume, page, look, cancel, and send twice."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from farm import Farm, Outcome, Reason
from farm.models import BatchState
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"


@pytest.fixture
def http(farm: RunningFarm) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, timeout=30) as http:
        yield http


def submit(http: httpx.Client, *codes: str, headers: dict[str, str] | None = None, **options: Any) -> str:
    body = {"proofs": [{"code": code} for code in codes], **options}
    answer = http.post("/v1/batches", json=body, headers=headers or {})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


def read_lines(http: httpx.Client, batch: str, after: str | None = None, most: int = 10_000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url, params = f"/v1/batches/{batch}/results", {"after": after} if after else {}
    with http.stream("GET", url, params=params, headers={"Accept": "application/x-ndjson"}) as stream:
        for line in stream.iter_lines():
            found.append(json.loads(line))
            if len(found) >= most:
                break
    return found


def test_results_stream_as_they_finish_and_end(client: Farm) -> None:
    batch = client.submit([TRUE if i % 3 else FALSE for i in range(60)])

    verdicts = list(batch.results())

    assert sorted(verdict.index for verdict in verdicts) == list(range(60))
    assert {verdict.index for verdict in verdicts if verdict.outcome is Outcome.REJECTED} == set(range(0, 60, 3))
    status = batch.status()
    assert (status.state, status.done, status.total) == (BatchState.DONE, 60, 60)
    assert (status.counts.accepted, status.counts.rejected, status.counts.undecided) == (40, 20, 0)


def test_the_first_verdict_does_not_wait_for_the_last(http: httpx.Client) -> None:
    batch = submit(http, TRUE, f"{TRUE} -- sleep:1500")

    first = read_lines(http, batch, most=1)[0]

    assert first["result"]["index"] == 0
    assert http.get(f"/v1/batches/{batch}").json()["done"] == 1, "the sleeping proof must still run"


def test_a_stream_resumes_at_its_cursor_without_loss_or_repeat(http: httpx.Client) -> None:
    batch = submit(http, *([TRUE] * 50))
    head = read_lines(http, batch, most=17)

    tail = read_lines(http, batch, after=head[-1]["cursor"])

    indices = [line["result"]["index"] for line in head + tail if "result" in line]
    assert sorted(indices) == list(range(50))
    assert tail[-1]["done"] is True


def test_a_stream_on_which_nothing_comes_gives_signs_of_life(http: httpx.Client) -> None:
    batch = submit(http, f"{TRUE} -- sleep:17000", timeout_s=60, cache=False)

    first, *_, verdict, end = [sorted(line) for line in read_lines(http, batch)]

    assert [first, verdict, end] == [["cursor", "heartbeat"], ["cursor", "result"], ["cursor", "done"]]


def test_readers_of_one_batch_agree(http: httpx.Client) -> None:
    batch = submit(http, *([TRUE, FALSE] * 20))

    assert read_lines(http, batch) == read_lines(http, batch)


def test_pages_hold_every_verdict_once(http: httpx.Client) -> None:
    batch = submit(http, *([TRUE] * 25))
    await_true(lambda: http.get(f"/v1/batches/{batch}").json()["state"] == "done", "the batch")
    seen, after = [], ""
    while True:
        page = http.get(f"/v1/batches/{batch}/results", params={"limit": 10, "after": after}).json()
        seen += [verdict["index"] for verdict in page["results"]]
        after = page["next"]
        if page["done"]:
            break

    assert sorted(seen) == list(range(25))


def test_server_sent_events_carry_cursors_that_resume(http: httpx.Client) -> None:
    batch = submit(http, TRUE, TRUE, TRUE)
    read_lines(http, batch)
    url, accept = f"/v1/batches/{batch}/results", {"Accept": "text/event-stream"}

    whole = http.get(url, headers=accept).text
    ids = [line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: ")]
    rest = http.get(url, headers={**accept, "Last-Event-ID": ids[0]}).text
    # A browser that reconnects asks the same URL again.
    last = http.get(url, headers={**accept, "Last-Event-ID": ids[1]}, params={"after": ids[0]}).text

    assert whole.count("event: result") == 3
    assert rest.count("event: result") == 2
    assert last.count("event: result") == 1
    assert whole.rstrip().endswith("data: {}")


@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson"])
def test_a_proxy_is_told_to_keep_no_stream_back(http: httpx.Client, kind: str) -> None:
    batch = submit(http, TRUE)

    assert http.get(f"/v1/batches/{batch}/results", headers={"Accept": kind}).headers["X-Accel-Buffering"] == "no"


def test_an_item_shows_its_source_and_verdict(client: Farm) -> None:
    batch = client.submit([{"id": "mine", "code": FALSE, "problem": "p1"}])
    batch.wait()

    item = batch.item(0)

    assert (item.proof.code, item.proof.problem) == (FALSE, "p1")
    assert item.verdict is not None
    assert (item.verdict.id, item.verdict.outcome) == ("mine", Outcome.REJECTED)


def test_ndjson_gzip_gives_the_same_batch(http: httpx.Client) -> None:
    lines = "\n".join(json.dumps({"id": f"n{i}", "code": TRUE}) for i in range(1200))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}

    answer = http.post("/v1/batches?timeout_s=5", content=gzip.compress(lines.encode()), headers=headers)

    assert answer.status_code == 202, answer.text
    assert answer.json()["total"] == 1200
    found = [line["result"]["id"] for line in read_lines(http, answer.json()["batch_id"]) if "result" in line]
    assert sorted(found) == sorted(f"n{i}" for i in range(1200))


def test_gzip_in_several_members_is_one_body(http: httpx.Client) -> None:
    """As `cat a.gz b.gz` makes it, a line in the middle of the cut included."""
    body = "\n".join(json.dumps({"id": f"n{i}", "code": TRUE}) for i in range(30)).encode()
    members = [gzip.compress(part) for part in (body[:500], b"", body[500:777], body[777:])]
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}

    answer = http.post("/v1/batches", content=b"".join(members), headers=headers)

    assert (answer.status_code, answer.json()["total"]) == (202, 30)
    found = [line["result"]["id"] for line in read_lines(http, answer.json()["batch_id"]) if "result" in line]
    assert sorted(found) == sorted(f"n{i}" for i in range(30))


def test_a_broken_line_leaves_nothing_behind(http: httpx.Client, farm: RunningFarm) -> None:
    before = http.get("/v1/batches").json()
    lines = "\n".join([json.dumps({"code": TRUE})] * 700 + ['{"cod": 1}'])

    answer = http.post("/v1/batches", content=lines, headers={"Content-Type": "application/x-ndjson"})

    assert answer.status_code == 422
    assert "Line 701" in answer.json()["error"]["message"]
    assert http.get("/v1/batches").json() == before
    assert farm.workers()
    assert http.get("/v1/workers").json()["queues"][0]["pending"] == 0


def test_an_idempotency_key_makes_one_batch(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "once"}

    first, second = submit(http, TRUE, headers=key), submit(http, TRUE, headers=key)
    other = http.post("/v1/batches", json={"proofs": [{"code": FALSE}]}, headers=key)

    assert first == second
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


def test_cancel_stops_what_runs_and_settles_the_rest(client: Farm) -> None:
    batch = client.submit([f"{TRUE} -- sleep:30000 {i}" for i in range(300)], timeout_s=60)
    await_true(lambda: batch.status().state is BatchState.RUNNING, "the first claim")

    batch.cancel()
    verdicts = batch.wait()

    assert len(verdicts) == 300
    assert {verdict.reason for verdict in verdicts} == {Reason.CANCELLED}
    assert batch.status().state is BatchState.CANCELLED


def test_a_deadline_settles_the_rest(client: Farm) -> None:
    verdicts = client.submit([f"{TRUE} -- sleep:30000"] * 5, timeout_s=60, deadline_s=0.5).wait()

    assert {verdict.reason for verdict in verdicts} == {Reason.CANCELLED}


def test_a_small_request_passes_a_large_batch(client: Farm) -> None:
    large = client.submit([f"{TRUE} -- sleep:100 {i}" for i in range(200)])
    await_true(lambda: large.status().done > 2, "the large batch")

    [verdict] = client.verify(TRUE)

    assert verdict.outcome is Outcome.ACCEPTED
    assert not large.status().finished
    large.cancel()
    large.wait()


def test_the_list_shows_the_newest_first(client: Farm) -> None:
    ids = [client.submit([TRUE]).id for _ in range(3)]

    assert [status.batch_id for status in client.batches(limit=3)] == ids[::-1]
