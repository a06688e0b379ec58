"""Finding Lean, and preparing once, in the parent, what every process needs to start a REPL."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from farm.errors import LeanNotFound
from farm.models import Environment
from farm.settings import Settings
from workers.lean import launcher
from workers.lean.session import Config, configure

_PROBE_TIMEOUT_S = 120
# The REPL runs what proofs say: nothing that opens a door may be in its environment.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|REDIS_URL|BROKER_URL|^AWS_|^SSH_|^GPG_", re.IGNORECASE)

_log = structlog.get_logger()


@dataclass(frozen=True)
class Installation:
    """A Lean that is ready to run, or the sentence that says why there is none.

    Attributes:
        config: LeanInteract's configuration; None without Lean.
        environment: what verdicts say about it.
        notice: what an operator has to do; empty with Lean.
    """

    config: Config | None
    environment: Environment
    notice: str = ""


def find_lake(settings: Settings) -> str:
    """Return the path of `lake`.

    Raises:
        LeanNotFound: there is none.
    """
    elan = Path.home() / ".elan" / "bin" / "lake"
    found = shutil.which(settings.lake_path) or (str(elan) if settings.lake_path == "lake" and elan.exists() else None)
    if not found:
        raise LeanNotFound(
            f"Lean was not found: there is no `{settings.lake_path}`. Run `farm doctor --install-lean`, "
            "or set LAKE_PATH and LEAN_REPL_DIR"
        )
    return str(Path(found).absolute())


def prepare(settings: Settings) -> Installation:
    """Return what the processes of this host start their REPLs from.

    May fetch and build a REPL, which takes minutes, when `LEAN_REPL_DIR` is not set. Without Lean it returns an
    installation without a configuration, so that the farm starts and says so in every verdict.
    """
    try:
        return _prepare(settings)
    except LeanNotFound as error:
        _log.warning("lean.missing", notice=error.message)
        return Installation(None, Environment(), error.message)


def _prepare(settings: Settings) -> Installation:
    lake = find_lake(settings)
    try:
        config = configure(settings, lake)
    except LeanNotFound:
        raise
    except Exception as error:  # LeanInteract raises whatever git, lake and the network raise
        raise LeanNotFound(f"Lean's REPL could not be prepared ({error}): run `farm doctor`") from error
    config.lake_path = _write_launcher(settings, config, lake)
    project = settings.lean_project_dir
    environment = Environment(
        lean_version=config.lean_version,
        project=project.absolute().name if project else None,
        repl=str(settings.lean_repl_dir or f"{config.repl_git}@{config.repl_rev}"),
        sandbox=["rlimits", "no_new_privs", "pdeathsig"] if sys.platform == "linux" else [],
    )
    _log.info("lean.prepared", lean_version=environment.lean_version, repl=environment.repl, lake=lake)
    return Installation(config, environment)


def _write_launcher(settings: Settings, config: Config, lake: str) -> Path:
    """Write the plan and the executable that LeanInteract takes for `lake`."""
    folder = settings.data_dir.absolute() / "launcher" / str(os.getpid())
    folder.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    plan = {
        "lake": lake,
        "inherited": inherited,
        "environment": _record_environment(lake, Path(config.working_dir), inherited),
        "address_space_mb": settings.address_space_mb,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    script = folder / "lake"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{launcher.__file__}" "{folder}/plan.json" "$@"\n')
    script.chmod(0o755)
    return script


def _record_environment(lake: str, directory: Path, inherited: dict[str, str]) -> dict[str, str] | None:
    """Return the environment `lake env` gives; None when this lake does not run what it is told to."""
    try:
        probe = subprocess.run(
            [lake, "env", "/usr/bin/env", "-0"],
            cwd=directory,
            env=inherited,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        pairs = [entry.partition("=") for entry in probe.stdout.decode().split("\0") if entry]
    except (subprocess.SubprocessError, OSError, UnicodeDecodeError) as error:
        _log.warning("lean.environment_unknown", error=str(error), consequence="REPLs start through lake itself")
        return None
    known = {name: value for name, separator, value in pairs if separator}
    return known if "PATH" in known else None
