"""Prometheus's scrapes and alerts, and Grafana's dashboard: a farm shows every metric that they name."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from farm import Farm
from tests.conftest import lean_settings, require
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
TRUE = "theorem two : 1 + 1 = 2 := by rfl"


def samples(farm: RunningFarm) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what a scrape shows: the value of each sample by name and labels."""
    text = httpx.get(f"{farm.url}/metrics").text
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(farm: RunningFarm, name: str, **labels: str) -> float:
    return samples(farm).get((name, frozenset(labels.items())), 0.0)


def test_runs_are_counted_into_histograms(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "own", **lean_settings(scripted)) as own, own.client() as client:
        client.verify([f"{TRUE} -- sleep:200 {index}" for index in range(6)])

        await_true(lambda: value(own, "farm_run_seconds_count") == 6, "six runs")
        assert value(own, "farm_run_seconds_bucket", le="0.1") == 0
        assert value(own, "farm_run_seconds_bucket", le="+Inf") == 6
        assert value(own, "farm_run_seconds_sum") >= 6 * 0.2
        assert value(own, "farm_overhead_seconds_count") == value(own, "farm_queue_seconds_count") == 6


def test_starts_of_a_repl_are_counted_by_why_the_last_one_ended(farm: RunningFarm, client: Farm) -> None:
    def starts(cause: str) -> float:
        return value(farm, "farm_repl_starts_total", cause=cause)

    before = {cause: starts(cause) for cause in ("died", "deadline")}
    client.verify([f"{TRUE} -- crash!"])
    client.verify([f"{TRUE} -- hang!"], timeout_s=0.5)
    # Both processes run one more, on the REPL that replaces the dead one.
    client.verify([f"{TRUE} -- sleep:100 {index}" for index in range(40)])

    assert await_true(lambda: starts("died") > before["died"], "a REPL that died")
    assert await_true(lambda: starts("deadline") > before["deadline"], "a REPL that was out of time")
    assert value(farm, "farm_repl_starts_total", cause="first") >= 1


def test_headers_are_counted_as_loads_and_hits(farm: RunningFarm, client: Farm) -> None:
    hits, loads = value(farm, "farm_header_hits_total"), value(farm, "farm_header_load_seconds_count")
    client.verify([f"import Init\n-- a header of its own\nimport Lean\n{TRUE} -- {index}" for index in range(8)])

    await_true(lambda: value(farm, "farm_header_load_seconds_count") > loads, "a load")
    await_true(lambda: value(farm, "farm_header_hits_total") > hits, "hits")


def test_requests_are_counted_by_route_and_never_by_path(farm: RunningFarm) -> None:
    def requests(route: str, status: str) -> float:
        return value(farm, "farm_http_seconds_count", method="GET", route=route, status=status)

    before = requests("/v1/batches", "2xx"), requests("/v1/batches/{batch_id}", "4xx"), requests("other", "4xx")
    assert httpx.get(f"{farm.url}/v1/batches").status_code == 200
    for number in range(5):
        httpx.get(f"{farm.url}/v1/batches/none-{number}")
        httpx.get(f"{farm.url}/made/up/{number}")

    await_true(lambda: requests("/v1/batches", "2xx") > before[0], "the list")
    await_true(lambda: requests("/v1/batches/{batch_id}", "4xx") >= before[1] + 5, "one route for all ids")
    await_true(lambda: requests("other", "4xx") >= before[2] + 5, "one label for all that has no route")
    routes = {dict(labels)["route"] for name, labels in samples(farm) if name == "farm_http_seconds_count"}
    assert not [route for route in routes if "none-" in route or "made" in route]


def test_stages_of_retrieval_are_counted(farm: RunningFarm, client: Farm) -> None:
    client.retrieve("⊢ 1 + 1 = 2", k=3)

    await_true(lambda: value(farm, "farm_retrieval_seconds_count", stage="embed"), "the embed stage")
    await_true(lambda: value(farm, "farm_retrieval_seconds_count", stage="search"), "the search stage")
    assert value(farm, "farm_embedding_batches_total") >= 1
    assert value(farm, "farm_embedded_texts_total") >= 1


def test_the_age_of_the_backlog_is_that_of_its_oldest_batch(farm: RunningFarm, client: Farm) -> None:
    def age_s() -> float:
        return value(farm, "farm_queue_age_seconds", environment="default")

    batch = client.submit([f"{TRUE} -- sleep:300 {index}" for index in range(200)])
    await_true(lambda: age_s() > 1, "a batch that waits for more than a second")
    batch.cancel()
    await_true(lambda: age_s() == 0, "nothing waits")


def expressions() -> Iterator[Any]:
    """Yield every expression of the alerts and of the dashboard."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_figure_that_alerts_and_dashboard_name_is_one_that_a_farm_shows(farm: RunningFarm, client: Farm) -> None:
    client.verify([TRUE, f"{TRUE} -- again"])
    client.retrieve("⊢ 2 + 2 = 4", k=1)
    named = {name for text in expressions() for name in re.findall(r"\bfarm_\w+", text)}
    await_true(lambda: value(farm, "farm_repl_starts_total", cause="first"), "counts of the first run")
    await_true(lambda: value(farm, "farm_retrieval_seconds_count", stage="embed"), "counts of the first query")
    labels: dict[str, set[str]] = {"farm_canaries_total": {"outcome"}}  # not shown before the first canary
    for name, given in samples(farm):
        labels.setdefault(name, set()).update(dict(given))

    assert len(named) > 15
    assert named <= labels.keys(), f"not shown: {sorted(named - labels.keys())}"
    for text in expressions():
        there = {label for name in re.findall(r"\bfarm_\w+", text) for label in labels[name]}
        listed = ", ".join(re.findall(r"\b(?:by|on) \(([^)]*)\)", text)).split(", ")
        asked = {*filter(None, listed), *re.findall(r"(\w+)(?:=|!=|=~|!~)\"", text)}
        assert asked - {"job"} <= there, f"{text}: no label {sorted(asked - there)}"


@pytest.mark.system
def test_grafana_knows_every_field_of_the_dashboard() -> None:
    """Grafana's own models read the dashboard and write it again: what they do not know would be missing."""
    require(importlib.util.find_spec("grafana_foundation_sdk"), "the package grafana-foundation-sdk")
    sdk = importlib.import_module("grafana_foundation_sdk.cog.plugins")
    models = importlib.import_module("grafana_foundation_sdk.models.dashboard")
    encoder = importlib.import_module("grafana_foundation_sdk.cog.encoder").JSONEncoder()
    sdk.register_default_plugins()
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())

    def unknown(given: Any) -> list[str]:
        return list(lost(given, json.loads(encoder.encode(models.Dashboard.from_json(given)))))

    assert unknown(dashboard) == []
    dashboard["panels"][1]["gridPos"]["height"] = 8
    assert unknown(dashboard) == [".panels.1.gridPos.height"], "the check sees what Grafana does not know"


def lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Yield the places of what is in one JSON value and not, or not the same, in another."""
    if type(given) is not type(kept):
        yield place
    elif isinstance(given, dict | list):
        entries, others = (dict(each) if isinstance(each, dict) else dict(enumerate(each)) for each in (given, kept))
        for name, entry in entries.items():
            yield from lost(entry, others.get(name), f"{place}.{name}")
    elif given != kept:
        yield place


LABELS = {
    "environment": "default", "outcome": "undecided", "reason": "crashed", "cause": "died", "kind": "lean",
    "state": "idle", "worker": "w", "stage": "embed", "bound": "seccomp", "route": "/", "method": "GET",
}  # fmt: skip


def scraped(names: set[str], instance: str) -> Iterator[dict[str, str]]:
    """Yield series that grow by 1 a second, as a scrape of one API process gives them, with every label there is."""
    common = ",".join(f'{name}="{value}"' for name, value in {**LABELS, "instance": instance}.items())
    for name in sorted(names):
        bounds = ['le="1"', 'le="+Inf"'] if name.endswith("_bucket") else ['le=""']
        for rest in (f'{bound},status="{status}"' for bound in bounds for status in ("2xx", "5xx")):
            yield {"series": f"{name}{{{common},{rest}}}", "values": "0+15x80"}


def of_one(expression: str) -> str:
    """Return an expression that looks only at what the API process `a` shows."""
    only = re.sub(r"\b(farm_\w+)(?!\w|\{)", r'\1{instance="a"}', expression)
    return re.sub(r"\b(farm_\w+)\{(?!instance)", r'\1{instance="a",', only)


@pytest.mark.system
def test_the_figures_are_the_farms_however_many_api_processes_are_scraped(tmp_path: Path) -> None:
    """Each API process shows the whole farm: a sum over two of them would show, and start, twice as much."""
    require(shutil.which("promtool"), "promtool (Debian's prometheus)")
    scaling = yaml.safe_load((DEPLOY / "kubernetes" / "keda" / "lean.yaml").read_text())["spec"]["triggers"]
    asked = [*(each["metadata"]["query"] for each in scaling), *(each for each in expressions() if "up{" not in each)]
    names = {name for text in asked for name in re.findall(r"\bfarm_\w+", text)}
    # Of an alert with one bound, the figure counts. The others compare figures of one process with each other.
    figures = [text for each in asked if not re.search(" [>=]=? ", text := re.sub(r" > \d+$", "", each))]
    alike = [f"count(({text}) == ({of_one(text)})) == bool count({text})" for text in figures]
    test = {
        "interval": "15s",
        "input_series": [*scraped(names, "a"), *scraped(names, "b")],
        "promql_expr_test": [
            {"expr": text, "eval_time": "15m", "exp_samples": [{"labels": "{}", "value": 1}]} for text in alike
        ],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [test]}))
    run = ["promtool", "test", "rules", str(tmp_path / "tests.yaml")]
    checked = subprocess.run(run, capture_output=True, text=True, check=False)

    assert len(alike) > 20
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.system
@pytest.mark.parametrize(
    "arguments", [("rules", ALERTS), ("config", "--syntax-only", ALERTS.parent / "prometheus.yaml")]
)
def test_prometheus_takes_the_rules(arguments: tuple[str | Path, ...]) -> None:
    require(shutil.which("promtool"), "promtool (Debian's prometheus)")
    checked = subprocess.run(["promtool", "check", *map(str, arguments)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
