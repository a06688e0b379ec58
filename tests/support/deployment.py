"""The files of a deployment, read as Compose and Docker read them."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


DEPLOY = ROOT / "deploy"


BASE, GPU = ROOT / "docker-compose.yaml", DEPLOY / "compose.gpu.yaml"


Document = dict[str, Any]


SECRET_FILES = {"REDIS_URL_FILE", "FLOWER_LOGIN_FILE"}


# Fields that Compose turns into a number, once its variables are filled in.
CASTS: dict[str, Callable[[Any], Any]] = {"replicas": int, "cpus": float}


_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_0-9]+)(?::-(?P<default>[^}$]*))?\}")


def _same(value: Any) -> Any:
    return value


def interpolated(path: Path, **environment: str) -> Document:
    """Return a Compose file with its variables filled in. As in Compose, YAML is read first, so `off` stays a text."""

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


def tracked_env() -> dict[str, str]:
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose_services() -> dict[str, Document]:
    services: dict[str, Document] = interpolated(BASE, **tracked_env())["services"]
    return services


SERVICES = compose_services()


OURS = {name for name, service in SERVICES.items() if "build" in service}


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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
