"""The Kubernetes manifests: valid, as safe as Compose's containers, and for the same farm."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from farm.settings import Settings
from tests.conftest import require

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
Document = dict[str, Any]

WORKLOADS = ("redis", "api", "reaper", "lean", "embed", "premises", "tei")
OURS = ("api", "reaper", "lean", "embed", "premises")
SETTINGS = {name.upper() for name in Settings.model_fields}
_MB = {"m": 1, "g": 1024, "Mi": 1, "Gi": 1024}


def documents() -> list[Document]:
    """Return every resource of base, lean and keda as it stands in its file."""
    files = [path for folder in ("base", "lean", "keda") for path in sorted((MANIFESTS / folder).glob("*.yaml"))]
    return [
        each for file in files if file.name != "kustomization.yaml" for each in yaml.safe_load_all(file.read_text())
    ]


def workload(name: str) -> Document:
    """Return the Deployment or StatefulSet of a service."""
    [found] = [
        each
        for each in documents()
        if each["kind"] in ("Deployment", "StatefulSet") and each["metadata"]["name"] == name
    ]
    return found


def pod(name: str) -> Document:
    found: Document = workload(name)["spec"]["template"]["spec"]
    return found


def container(name: str) -> Document:
    [found] = pod(name)["containers"]
    document: Document = found
    return document


def compose(name: str) -> Document:
    found: Document = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"][name]
    return found


def kustomization() -> Document:
    found: Document = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
    return found


def literals(name: str) -> dict[str, str]:
    """Return a generated ConfigMap."""
    [found] = [each for each in kustomization()["configMapGenerator"] if each["name"] == name]
    return dict(line.split("=", 1) for line in found["literals"])


def default(text: str) -> str:
    """Return what Compose fills in for a variable that is not set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(text))


def in_mb(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", default(text)).groups()  # type: ignore[union-attr]
    return int(number) * _MB[unit]


@pytest.mark.system
def test_kubernetes_takes_every_resource() -> None:
    require(importlib.util.find_spec("kubernetes_validate"), "the package kubernetes-validate")
    kubernetes = importlib.import_module("kubernetes_validate")

    # KEDA's is a resource of its own; no schema of it comes along.
    known = [each for each in documents() if each["kind"] != "ScaledObject"]
    for each in known:
        kubernetes.validate(each, kubernetes.latest_version(), strict=True)
    assert len(known) > 20


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_pod_has_rights_that_it_does_not_need(name: str) -> None:
    around, inside = pod(name)["securityContext"], container(name)["securityContext"]

    assert around["runAsNonRoot"]
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod(name)["automountServiceAccountToken"]
    # A service called `api` would set API_PORT and its like in every pod.
    assert not pod(name)["enableServiceLinks"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_memory_and_time_to_stop_are_those_of_compose(name: str) -> None:
    there = compose(name)

    assert in_mb(container(name)["resources"]["limits"]["memory"]) == in_mb(there["mem_limit"])
    if "stop_grace_period" in there:
        assert f"{pod(name)['terminationGracePeriodSeconds']}s" == there["stop_grace_period"]


@pytest.mark.parametrize("name", OURS)
def test_our_pods_run_the_commands_of_compose_in_images_of_the_dockerfile(name: str) -> None:
    image = container(name)["image"]
    entry, command = ["tini", "--", "farm-entrypoint"], compose(name).get("command")

    assert container(name).get("command") == (entry + command if command else None)
    assert image == compose(name)["image"]
    assert image.partition(":")[0] in {each["name"] for each in kustomization()["images"]}


@pytest.mark.parametrize("name", OURS)
def test_a_part_that_stands_still_is_started_again_and_one_that_waits_for_the_store_is_not(name: str) -> None:
    liveness = container(name)["livenessProbe"]

    # health.py asks the store.
    asks_nobody: dict[str, Any] = {"httpGet": {"path": "/livez", "port": "http"}}
    if name != "api":
        asks_nobody = {"exec": {"command": ["python", "-m", "farm.signs_of_life", name]}}
        assert compose(name)["healthcheck"]["test"] == ["CMD", "python", "-m", "farm.signs_of_life", name]
        assert "/var/lib/leanfarm" in {each["mountPath"] for each in container(name)["volumeMounts"]}
    assert asks_nobody.items() <= liveness.items()


@pytest.mark.parametrize("name", ["redis", "tei"])
def test_the_images_of_others_are_those_of_compose(name: str) -> None:
    assert container(name)["image"] == compose(name)["image"]


def test_the_store_is_started_with_the_options_of_compose() -> None:
    kubernetes, there = container("redis")["command"], compose("redis")["command"]

    assert [word for word in kubernetes if word not in ("--dir", "/data")] == there


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings_and_paths_of_secrets_are_those_of_compose(name: str) -> None:
    given = {each["name"]: each["value"] for each in container(name)["env"]}
    there = compose(name).get("environment", {})

    assert set(given) - SETTINGS == {"REDIS_URL_FILE"}
    for variable in {"API_KEYS_FILE", "FARM_HOST", "PORT"} & set(given):
        assert given[variable] == there[variable]
    assert {each["configMapRef"]["name"] for each in container(name)["envFrom"]} <= {"settings", "corpus"}


def test_the_corpus_is_that_of_compose() -> None:
    there = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["x-corpus"]

    assert set(literals("settings")) <= SETTINGS
    assert literals("corpus") == {name: default(there[name]) for name in literals("corpus")}
    assert {each["name"] for each in container("tei")["env"]} == set(compose("tei")["environment"])


def test_lean_workers_reach_the_store_and_nothing_else() -> None:
    labels = workload("lean")["spec"]["template"]["metadata"]["labels"]
    policies = [each["spec"] for each in documents() if each["kind"] == "NetworkPolicy"]
    ways = [
        way
        for policy in policies
        if "Egress" in policy["policyTypes"] and policy["podSelector"].get("matchLabels", {}).items() <= labels.items()
        for way in policy.get("egress", [])
    ]

    reached = {port["port"] for way in ways for port in way["ports"]}
    assert reached == {53, 6379}
    assert all("ipBlock" not in place for way in ways for place in way["to"])
    nothing = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert nothing in policies, "what no policy allows must be refused"


def test_pods_that_users_wait_for_are_not_all_disrupted_at_once() -> None:
    bounded = {each["metadata"]["name"] for each in documents() if each["kind"] == "PodDisruptionBudget"}

    assert bounded == {"api", "lean"}


def rendered(tmp_path: Path, *, everything: bool, components: str = "keda") -> list[Document]:
    """Return what `kubectl kustomize` makes of the manifests, with what is commented out as well on request."""
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl; Debian's is too old to know components")
    copy = tmp_path / "kubernetes"
    shutil.copytree(MANIFESTS, copy)
    top = copy / "kustomization.yaml"
    if everything:
        text = top.read_text().replace("# - environments", "- environments")
        text = text.replace("# components: [keda]", f"components: [{components}]")
        top.write_text(text)
    run = subprocess.run(["kubectl", "kustomize", str(copy)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return list(yaml.safe_load_all(run.stdout))


def test_the_farm_renders_into_one_namespace_with_its_settings(tmp_path: Path) -> None:
    found = rendered(tmp_path, everything=False)

    assert len(found) == len([each for each in documents() if each["kind"] != "ScaledObject"]) + 2
    assert {each["metadata"].get("namespace", "leanfarm") for each in found} == {"leanfarm"}
    maps = {each["metadata"]["name"] for each in found if each["kind"] == "ConfigMap"}
    text = yaml.safe_dump(found)
    assert set(re.findall(r"\b(?:settings|corpus)-\w+", text)) == maps, "a pod names settings that are not there"


def test_a_second_environment_is_a_deployment_of_its_own(tmp_path: Path) -> None:
    found = {(each["kind"], each["metadata"]["name"]): each for each in rendered(tmp_path, everything=True)}

    first, second = found["Deployment", "lean"], found["Deployment", "lean-mathlib"]
    variables = {each["name"]: each["value"] for each in second["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (variables["LEAN_ENVIRONMENT"], variables["WARM_HEADERS"]) == ("mathlib", "import Mathlib")
    assert second["spec"]["selector"] != first["spec"]["selector"], "each would take the other's pods for its own"
    assert second["spec"]["template"]["spec"]["containers"][0]["image"].endswith("leanfarm-lean-mathlib:local")
    budget = found["PodDisruptionBudget", "lean-mathlib"]["spec"]["selector"]
    assert budget["matchLabels"].items() <= second["spec"]["template"]["metadata"]["labels"].items()
    assert found["ScaledObject", "lean"]["spec"]["scaleTargetRef"] == {"name": "lean"}


def test_the_component_sentinel_takes_the_store_away_and_leads_to_another(tmp_path: Path) -> None:
    found = {(each["kind"], each["metadata"]["name"]): each for each in _with_sentinel(tmp_path)}

    assert not {("StatefulSet", "redis"), ("Service", "redis"), ("NetworkPolicy", "store")} & set(found)
    [way] = found["NetworkPolicy", "store-clients"]["spec"]["egress"]
    assert way["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "redis"}}}]
    assert [port["port"] for port in way["ports"]] == [6379, 26379]
    assert ("Deployment", "lean") in found


def _with_sentinel(tmp_path: Path) -> list[Document]:
    found = rendered(tmp_path, everything=True, components="keda, sentinel")
    if importlib.util.find_spec("kubernetes_validate"):
        kubernetes = importlib.import_module("kubernetes_validate")
        for each in found:
            if each["kind"] != "ScaledObject":
                kubernetes.validate(each, kubernetes.latest_version(), strict=True)
    return found
