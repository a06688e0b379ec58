"""A farm that is started part by part, as on several hosts; a test chooses the release of each part."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from farm import Farm
from farm.local.ports import free_port
from farm.local.valkey import prepare_valkey
from farm.processes import die_with_parent, end_session
from tests.support.open_store import OpenStore, open_store
from tests.support.running import await_true, end_everything, is_live

ROOT = Path(__file__).resolve().parents[2]
_RELEASED = re.compile(r"^## [0-9.]+ \(.*\b([0-9a-f]{40})\)$", re.MULTILINE)
_ENDS_WITHIN_S = 30


def previous_release(folder: Path) -> Path:
    """Return a tree of the release that CHANGELOG.md names last; skip if this checkout lacks its commit."""
    commit = _RELEASED.findall((ROOT / "CHANGELOG.md").read_text())[0]
    command = ["git", "archive", commit, "farm", "api", "workers"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"needs the history of the last release ({commit[:12]}), which this checkout lacks")
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive.stdout, check=True)
    assert _imported_from(folder).is_relative_to(folder), "the release that is tested is not the one that was asked for"
    return folder


def _imported_from(tree: Path) -> Path:
    program = "import farm, pathlib; print(pathlib.Path(farm.__file__))"
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, cwd=tree.parent, capture_output=True, text=True, check=True)
    return Path(run.stdout.strip())


@dataclass
class Parts:
    """A store, and the parts that were started on it.

    Attributes:
        settings: the settings of every part.
    """

    folder: Path
    redis_url: str
    port: int
    settings: dict[str, str]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Farm:
        """Return an SDK client for the farm."""
        return Farm(self.url)

    def store(self) -> OpenStore:
        """Return a connection to the store."""
        return open_store(self.redis_url)

    def start(self, name: str, module: str, tree: Path = ROOT) -> None:
        """Start a part from a tree, and wait until it works.

        Args:
            name: the name of the part's folder; its log is in there.
            module: what `python -m` runs.
            tree: the folder with its code.
        """
        known, place = self._signs(), self.folder / name
        place.mkdir(exist_ok=True)
        own = {"DATA_DIR": str(place), "REDIS_URL": self.redis_url, "PORT": str(self.port), "PYTHONPATH": str(tree)}
        environment = {**os.environ, **self.settings, **own}
        with (place / "log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module],
                preexec_fn=functools.partial(die_with_parent, os.getpid()),
                env=environment,
                cwd=place,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if module == "api":
            await_true(lambda: is_live(self.url), f"{name} answers")
        elif module != "workers.reaper":
            await_true(lambda: self._signs() - known, f"{name} gives a sign of life")

    def end(self, name: str) -> None:
        """Stop a part as an operator does, and wait until it has ended."""
        process = self._running.pop(name)
        process.terminate()
        process.wait(_ENDS_WITHIN_S)
        end_session(process.pid)

    def replace(self, name: str, module: str, tree: Path = ROOT) -> None:
        """Stop a part, and start it from another tree."""
        self.end(name)
        self.start(name, module, tree)

    def reap(self) -> None:
        """Wait for the parts that were killed."""
        for process in self._running.values():
            process.wait(_ENDS_WITHIN_S)

    def log(self, name: str) -> str:
        """Return the log of a part."""
        return (self.folder / name / "log").read_text()

    def _signs(self) -> set[bytes]:
        return set(self.store().zrange("farm:workers", 0, -1))


@contextmanager
def parts(folder: Path, settings: dict[str, str]) -> Iterator[Parts]:
    """Run a store on which parts can be started; at the end, stop all of it."""
    folder.mkdir()
    store = prepare_valkey(folder)
    started = Parts(folder, store.url, free_port(), settings)
    with subprocess.Popen(store.command, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: asyncio.run(store.is_healthy()), "the store")
            yield started
        finally:
            end_everything(folder)
            started.reap()
            server.terminate()
