"""Compose files: valid, in step with the code, closed by default.

No container engine is needed. docs/deploy.md names what only a container engine can show.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from farm.models import lean_part
from farm.settings import Settings, load
from tests.conftest import require
from tests.support.deployment import (
    _VARIABLE,
    BASE,
    DEPLOY,
    GPU,
    IMAGES,
    OURS,
    ROOT,
    SECRET_FILES,
    SERVICES,
    Document,
    interpolated,
    tracked_env,
)

SECOND = DEPLOY / "compose.environment.yaml"


WORKERS = DEPLOY / "compose.workers.yaml"


FILES = (BASE, GPU, SECOND, WORKERS)


SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items()}


# What the images and the Compose file decide, and what only clients outside read.
DECIDED = {"FARM_HOST", "API_KEYS_FILE", "REDIS_URL", "BROKER_URL", "DATA_DIR"}


DECIDED |= {"LAKE_PATH", "LEAN_REPL_DIR", "LEAN_PROJECT_DIR", "ENVIRONMENTS_DIR", "FLOWER_URL", "JOIN_ADDRESS"}


DECIDED |= {"FARM_URL", "FARM_API_KEY"}


# Where Compose has more to offer than the default in code.
RICHER = {"DATA_REPO", "DATA_REVISION", "MODEL_ID", "MODEL_REVISION", "EMBED_SERVICE_URL", "LEAN_VERSION"}


COMPOSE_ONLY = {"LEAN_MEMORY", "LEAN_CONTAINERS", "LEAN_PROCESSES", "MATHLIB_VERSION", "FLOWER_PORT"}


TEI = {"MODEL_ID", "REVISION", "DTYPE", "MAX_BATCH_TOKENS", "MAX_CLIENT_BATCH_SIZE", "MAX_CONCURRENT_REQUESTS"}


FLOWER = {"FLOWER_ADDRESS", "FLOWER_PORT"}


def merged(base: Any, overlay: Any) -> Any:
    """Return one Compose document over another: mappings merge, all else is replaced."""
    if not isinstance(base, dict) or not isinstance(overlay, dict):
        return overlay
    both = {key: merged(base[key], overlay[key]) for key in base.keys() & overlay.keys()}
    return {**base, **overlay, **both}


def gpu_services() -> dict[str, Document]:
    services: dict[str, Document] = merged(interpolated(BASE), interpolated(GPU))["services"]
    return services


ONCE = {"keys"}


EVERY_FILE = pytest.mark.parametrize(
    "files",
    [(BASE,), (BASE, GPU), (BASE, SECOND), (BASE, WORKERS), FILES],
    ids=["base", "gpu", "environment", "workers", "all"],
)


@pytest.mark.system
@EVERY_FILE
def test_compose_files_follow_the_specification(files: tuple[Path, ...]) -> None:
    require(importlib.util.find_spec("compose_spec"), "the package compose-spec")
    compose = importlib.import_module("compose_spec").PyCompose
    document: Document = {}
    for file in files:
        document = merged(document, interpolated(file, **tracked_env()))

    compose.from_json(json.dumps(document)).validate()

    with pytest.raises(ValueError, match="nonsense"):
        compose.from_json(json.dumps(merged(document, {"services": {"api": {"nonsense": 1}}})))


def test_everything_interpolated_is_a_setting_or_documented() -> None:
    used = {found["name"] for file in FILES for found in _VARIABLE.finditer(file.read_text())}
    page = (ROOT / "docs" / "deploy.md").read_text()

    assert used - set(SETTINGS) == COMPOSE_ONLY
    assert {name for name in COMPOSE_ONLY if f"`{name}`" not in page} == set()


def test_every_setting_reaches_a_container_or_is_decided_here() -> None:
    used = {found["name"] for file in FILES for found in _VARIABLE.finditer(file.read_text())}

    assert set(SETTINGS) - used == DECIDED


def test_defaults_here_are_the_defaults_in_code() -> None:
    defaults: dict[str, set[str]] = {}
    # The overlay for several containers is there to give each other numbers.
    for file in set(FILES) - {WORKERS}:
        for found in _VARIABLE.finditer(file.read_text()):
            defaults.setdefault(found["name"], set()).add(found["default"] or "")
    for name, values in defaults.items():
        # The same in every place; or nothing, which leaves it to the code.
        assert len(values - {""}) <= 1, name
        if name in SETTINGS and name not in RICHER:
            assert values <= {"", str(SETTINGS[name].default)}, name


@pytest.mark.parametrize("name", SERVICES)
def test_containers_get_settings_that_the_code_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    allowed = SETTINGS.keys() | SECRET_FILES if name in OURS else TEI
    assert set(environment) - allowed == (FLOWER if name == "flower" else set())

    if name in OURS:
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        settings = load()
        assert settings.farm_host == "127.0.0.1" or settings.api_keys_file


def test_a_change_in_the_environment_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    service = interpolated(BASE, LEAN_TIMEOUT_S="7", WARM_HEADERS="import Mathlib")["services"]["lean"]
    for key, value in service["environment"].items():
        monkeypatch.setenv(key, str(value))

    assert (load().lean_timeout_s, load().warm_headers) == (7, "import Mathlib")


def test_only_the_api_and_flower_are_published_and_on_this_host_alone() -> None:
    published = {name: service["ports"] for name, service in gpu_services().items() if "ports" in service}

    assert set(published) == {"api", "flower"}
    for ports in published.values():
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert not any(service.get("network_mode") == "host" for service in SERVICES.values())


def test_proofs_reach_redis_and_nothing_else() -> None:
    lean = SERVICES["lean"]
    networks = interpolated(BASE)["networks"]
    neighbours = {name for name, service in SERVICES.items() if set(service.get("networks", [])) & {"proofs"}}

    assert lean["networks"] == ["proofs"]
    assert neighbours == {"lean", "redis"}
    assert networks["proofs"] == networks["store"] == {"internal": True}
    assert [volume["source"] for volume in lean["volumes"]] == ["redis-secret"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_closed_bounded_and_watched(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONCE)
    assert service.get("read_only", False) == (name != "tei")
    assert not re.search(r":latest$|^[^:]*$", service["image"]), "an image without a tag, or with one that moves"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_waits_for_what_cannot_come(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert other in ONCE


@pytest.mark.parametrize("name", SERVICES)
def test_only_first_start_writes_secrets(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if volume["target"].startswith("/run/farm/"):
            assert volume.get("read_only", False) == (name != "keys")
            # A reader that is created first would otherwise bring its own folder's owner into the empty volume.
            assert volume.get("volume", {}).get("nocopy", False) == (name != "keys")


def test_lean_runs_its_launcher_from_where_data_is() -> None:
    lean = SERVICES["lean"]
    options = dict(entry.split(":") for entry in lean["tmpfs"])

    assert {"exec", "mode=0700", "uid=10001", "gid=10001"} <= set(options[IMAGES["lean"].env["DATA_DIR"]].split(","))
    assert lean["memswap_limit"] == lean["mem_limit"]


def test_redis_loses_nothing_and_stays_within_its_memory() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))

    assert (options["--appendonly"], options["--appendfsync"]) == ("yes", "everysec")
    assert options["--maxmemory-policy"] == "noeviction"
    assert 2 * int(options["--maxmemory"].removesuffix("gb")) <= int(SERVICES["redis"]["mem_limit"].removesuffix("g"))
    assert options["--aclfile"] == "/run/farm/redis/users.acl"


def test_containers_that_share_a_host_have_room_for_their_processes() -> None:
    environment = {**tracked_env(), "LEAN_CONTAINERS": "3"}
    lean = merged(interpolated(BASE, **environment), interpolated(WORKERS, **environment))["services"]["lean"]

    processes = int(lean["environment"]["LEAN_WORKERS"])
    assert lean["deploy"] == {"mode": "replicated", "replicas": 3}
    assert lean["cpus"] == processes == 4
    assert lean["mem_limit"] == lean["memswap_limit"]
    assert int(lean["mem_limit"].removesuffix("g")) * 1024 * 0.95 >= processes * load().lean_memory_limit_mb


def test_the_model_that_is_served_is_the_model_that_is_searched() -> None:
    for services in (SERVICES, gpu_services()):
        served, searched = services["tei"]["environment"], services["premises"]["environment"]
        assert (served["MODEL_ID"], served["REVISION"]) == (searched["MODEL_ID"], searched["MODEL_REVISION"])


def test_each_gpu_has_a_server_of_its_own() -> None:
    services = gpu_services()
    servers = {name: service for name, service in services.items() if name.startswith("tei")}
    devices = [service["deploy"]["resources"]["reservations"]["devices"] for service in servers.values()]

    assert [found["device_ids"] for (found,) in devices] == [["0"], ["1"]]
    assert all(found["capabilities"] == ["gpu"] for (found,) in devices)
    # Beside what makes it the second, it is the first.
    own = {"deploy", "depends_on", "profiles"}
    first, second = ({k: v for k, v in service.items() if k not in own} for service in servers.values())
    assert first == second
    urls = re.findall(r"http://(tei\S*?)[\"\s]", GPU.read_text())
    assert urls == list(servers)


def test_a_second_environment_differs_from_the_first_in_what_makes_it_the_second() -> None:
    services = merged(interpolated(BASE), interpolated(SECOND))["services"]
    [name] = services.keys() - SERVICES.keys()
    own, first = {"image", "build"}, interpolated(BASE)["services"]["lean"]

    assert {k: v for k, v in services[name].items() if k not in {*own, "environment"}} == {
        k: v for k, v in first.items() if k not in {*own, "environment"}
    }
    changed = services[name]["environment"].items() - first["environment"].items()
    assert {key for key, _ in changed} == {"LEAN_ENVIRONMENT", "WARM_HEADERS"}
    assert first["environment"].keys() == services[name]["environment"].keys()
    assert services[name]["image"] != first["image"]
    assert services[name]["build"]["args"].keys() == first["build"]["args"].keys()


def test_a_second_environment_has_settings_that_the_code_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, service)] = interpolated(SECOND)["services"].items()
    for key, value in service["environment"].items():
        monkeypatch.setenv(key, str(value))

    assert name == lean_part(load().lean_environment).replace(".", "-") != "lean"
