"""What operators and probes see: readiness, workers, statistics, the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

import httpx
from flower.urls import handlers
from tornado.routing import URLSpec

from farm import Farm
from tests.security.service.conftest import api_process
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
# That Flower lives, its style sheets, its login and logout, and addresses that it does not know.
OPEN_IN_FLOWER = ("/healthcheck", "/static/", "/log", ".*")


def test_readiness_names_every_part_and_what_to_know(farm: RunningFarm) -> None:
    answer = httpx.get(f"{farm.url}/readyz")

    checks = answer.json()["checks"]
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(checks) == {"redis", "lean", "embed", "premises"}
    assert "scripted" in checks["lean"]["engine"], "a script must not pass for Lean"
    assert "premises" in checks["premises"]["engine"]


def test_workers_say_what_they_do(farm: RunningFarm, client: Farm) -> None:
    client.verify([f"import Init\n{TRUE} -- {i}" for i in range(20)])

    await_true(lambda: sum(worker["proofs"] for worker in farm.workers()) >= 20, "the workers' counts")
    # One process may have run them all; the other has no REPL then.
    await_true(lambda: all(each["memory_mb"] > 1 for each in farm.workers() if each["proofs"]), "the REPLs' memory")
    for worker in farm.workers():
        assert worker["pid"]
        assert worker["seen_s"] < 10


def test_figures_for_prometheus_count_verdicts(farm: RunningFarm, client: Farm) -> None:
    def accepted() -> float:
        lines = httpx.get(f"{farm.url}/metrics").text.splitlines()
        [line] = [line for line in lines if line.startswith('farm_verdicts_total{outcome="accepted"')]
        return float(line.rpartition(" ")[2])

    client.verify(TRUE)
    before = accepted()
    client.verify([TRUE] * 7)

    assert accepted() == before + 7
    # What earlier tests cancelled may still be in hand.
    at_rest = {f'farm_{name}{{environment="default"}} 0.0' for name in ("pending", "leased")}
    await_true(lambda: at_rest <= {*httpx.get(f"{farm.url}/metrics").text.splitlines()}, "nothing waits or runs")


def test_the_openapi_document_describes_bodies_and_routes(farm: RunningFarm) -> None:
    document = httpx.get(f"{farm.url}/openapi.json").json()

    assert {"/v1/batches", "/v1/verify", "/v1/workers", "/retrieve", "/readyz"} <= set(document["paths"])
    body = document["paths"]["/v1/verify"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].rpartition("/")[2] in document["components"]["schemas"]
    assert "proofs" in document["components"]["schemas"]["BatchRequest"]["properties"]


def test_what_the_openapi_document_shows_can_be_sent_and_is_answered_like_that(farm: RunningFarm) -> None:
    tried = 0
    for path, operations in httpx.get(f"{farm.url}/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if "{" in path or path == "/v1/join":  # needs a batch; needs a farm with keys
                continue
            query = {"undecided": "0"} if path.endswith("openrlhf") else {}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            answer = httpx.request(method, f"{farm.url}{path}", params=query, json=body, timeout=60)
            [(status, described)] = [each for each in operation["responses"].items() if each[0].startswith("2")]
            example = described["content"]["application/json"]["example"]

            assert answer.status_code == int(status), f"{path}: {answer.text}"
            assert parts(answer.json()) == parts(example), path
            tried += 1
    assert tried > 18


def parts(answer: Any) -> Any:
    """Return the names of an answer's fields, and of those of its first result."""
    if not isinstance(answer, dict):
        return parts(answer[0]) if isinstance(answer, list) else type(answer)
    return set(answer), parts(answer["results"]) if "results" in answer else None


def test_the_page_that_describes_the_api_comes_from_the_farm_alone(farm: RunningFarm) -> None:
    page = httpx.get(f"{farm.url}/docs")
    addresses = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page.text)

    assert page.status_code == 200
    assert {"openapi.json", "docs/assets/swagger-ui-bundle.js", "docs/assets/swagger-ui.css"} <= set(addresses)
    assert "//" not in page.headers["Content-Security-Policy"]
    for address in addresses:
        assert "//" not in address
        assert address.startswith("data:") or httpx.get(urljoin(f"{farm.url}/docs", address)).status_code == 200


def test_flower_wants_its_password_everywhere(farm: RunningFarm) -> None:
    address, auth = flower_of(farm)
    patterns = [str(each.regex.pattern if isinstance(each, URLSpec) else each[0]) for each in handlers]
    paths = [re.sub(r"\(.*\)", "x", text.rstrip("$")) for text in patterns if not text.startswith(OPEN_IN_FLOWER)]

    with httpx.Client(base_url=address) as stranger:
        answers = {path: {stranger.request(way, path).status_code for way in ("GET", "POST")} for path in paths}
    assert {"/", "/metrics", "/api/workers", "/api/task/revoke/x"} <= answers.keys()
    assert {path: seen for path, seen in answers.items() if seen not in ({401}, {401, 405})} == {}
    assert httpx.get(f"{address}/healthcheck").status_code == 200
    assert httpx.get(f"{address}/workers", auth=auth).status_code == 200
    assert "flower_" in httpx.get(f"{address}/metrics", auth=auth).text


def test_logs_hold_no_proof(farm: RunningFarm, client: Farm) -> None:
    marker = "theorem a_very_secret_theorem : 1 + 1 = 2 := by rfl"
    client.verify([marker, f"{marker} -- crash!", f"{marker} -- garbage!"])

    logs = "".join(path.read_text() for path in (farm.folder / "data" / "logs").iterdir())
    assert "a_very_secret_theorem" not in logs
    assert "repl.died" in logs


def flower_of(farm: RunningFarm) -> tuple[str, httpx.BasicAuth]:
    """Return Flower's address and its login, as `farm up` prints them."""
    await_true(lambda: ")" in (farm.folder / "up.log").read_text().partition("login ")[2], "Flower's login")
    words = (farm.folder / "up.log").read_text().partition("Flower")[2].split()
    return words[0], httpx.BasicAuth(*words[2].rstrip(")").split(":"))


def test_flower_says_which_batch_a_token_worked_for_and_on_what(farm: RunningFarm, client: Farm) -> None:
    address, auth = flower_of(farm)
    secret = "-- a very secret comment"
    batch = client.submit([f"{secret}\nimport Init\n{TRUE} -- flower {index}" for index in range(30)])
    assert len(batch.wait()) == 30

    def lines() -> list[str]:
        tasks = httpx.get(f"{address}/api/tasks", auth=auth, timeout=10).json().values()
        done = [each for each in tasks if each["name"] == "lean.work" and each["state"] == "SUCCESS"]
        return [each["result"] for each in done if batch.id in each["result"]]

    # A token is worked on for up to ten seconds; two processes may share the batch.
    def counted() -> int:
        return sum(int(count) for line in lines() for count in re.findall(rf"(\d+) of batch {batch.id}", line))

    await_true(lambda: counted() == 30, "Flower knows what became of each proof")
    assert all(re.match(r"'\d+ proofs in \d+ chunks: .*\(import Init\)", line) for line in lines())
    assert not any("secret" in line or "theorem" in line for line in lines())


def test_the_console_is_told_where_flower_is_where_there_is_one(farm: RunningFarm) -> None:
    assert httpx.get(f"{farm.url}/v1/workers").json()["flower"] == flower_of(farm)[0]


def test_no_api_names_a_flower_that_nobody_configured(farm: RunningFarm) -> None:
    with api_process(farm.redis_url) as url:
        assert httpx.get(f"{url}/v1/workers").json()["flower"] == ""
