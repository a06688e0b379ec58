"""The revision: the versions that a verdict depends on. While these stay the same, a kept verdict remains valid."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import orjson

from farm.models import POLICY_VERSION, Environment
from farm.settings import Settings

_REPL = ".lake/build/bin/repl"
# The files that fix the versions of everything that a project does not build itself, such as Mathlib.
_PINS = ("lean-toolchain", "lake-manifest.json")


def revision(settings: Settings, environment: Environment) -> str:
    """Return `TOOLCHAIN|POLICY|CHECKER|HASH`; CHECKER is empty until `with_checker` fills it in.

    HASH covers the REPL's binary, the files that pin the project's versions, every .olean that the project built
    itself, and what verdicts say about their environment. Two hosts have the same hash if and only if all of these are
    equal on both.
    """
    digest = sha256(orjson.dumps(environment.model_dump()))
    for path in _parts(settings):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return f"{environment.lean_version}|{POLICY_VERSION}||{digest.hexdigest()[:16]}"


def with_checker(revision: str, version: str) -> str:
    """Return a revision with the version of the checker that a process uses."""
    toolchain, policy, _, digest = revision.split("|")
    return f"{toolchain}|{policy}|{version}|{digest}"


def _parts(settings: Settings) -> list[Path]:
    repl = [settings.lean_repl_dir / _REPL] if settings.lean_repl_dir else []
    project = settings.lean_project_dir
    pins = [project / name for name in _PINS] if project else []
    built = sorted((project / ".lake" / "build").rglob("*.olean")) if project else []
    return [path for path in (*repl, *pins, *built) if path.is_file()]
