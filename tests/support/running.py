"""A whole farm for tests: `farm up` as a user starts it, on free ports, with the REPL that a test chooses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from farm import Farm
from farm.processes import end_session, own_module
from tests.support.repl.install import Install
from workers.sandbox.kernel import Missing
from workers.sandbox.landlock import abi

START_TIMEOUT_S = 60
_NAMES = (
    "OTEL_",
    "FARM_",
    "LEAN_",
    "LAKE_",
    "REDIS_",
    "BROKER_",
    "DATA_",
    "ENVIRONMENTS_",
    "EMBED_",
    "MODEL_",
    "API_KEYS",
    "PORT",
    "SANDBOX",
    "SCRIPTED_",
)


@dataclass(frozen=True)
class RunningFarm:
    """A farm that answers.

    Attributes:
        up: the process of `farm up`.
        folder: its working directory, with `data` in it.
    """

    url: str
    redis_url: str
    up: subprocess.Popen[bytes]
    folder: Path
    environment: dict[str, str]

    def client(self) -> Farm:
        """Return an SDK client for this farm."""
        return Farm(self.url)

    def command(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a `farm` command against this farm, as a user would."""
        command = own_module("farm", *arguments)
        environment = {**self.environment, "FARM_URL": self.url}
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=180, check=False, **more
        )

    def processes(self) -> list[psutil.Process]:
        """Return every live process that belongs to this farm, whatever its parent is."""
        return list(processes_of(self.folder))

    def workers(self, kind: str = "lean") -> list[dict[str, Any]]:
        """Return the live workers of a kind, as `GET /v1/workers` shows them."""
        found = httpx.get(f"{self.url}/v1/workers").json()["workers"]
        return [worker for worker in found if worker["kind"] == kind]

    def log(self, name: str) -> str:
        """Return the log of a service."""
        return (self.folder / "data" / "logs" / f"{name}.log").read_text()


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes whose environment, command line or working directory names a folder."""
    for process in psutil.process_iter():
        try:
            where = [process.cwd(), *process.cmdline(), process.environ().get("DATA_DIR", "")]
            if any(str(folder) in text for text in where) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue


def await_true(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    """Return a condition's value once it is true; fail with `what` if that does not happen in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")


def scripted_settings(repl: Install) -> dict[str, str]:
    """Return the settings that put a scripted REPL behind a farm."""
    read_paths = ":".join(str(path) for path in repl.read_paths)
    named = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir), "SANDBOX_READ_PATHS": read_paths}
    return {**named, **sandbox_settings()}


def sandbox_settings() -> dict[str, str]:
    """Return the settings for proofs of our own: without the sandbox if this machine has no Landlock."""
    try:
        abi()
    except Missing:
        return {"SANDBOX": "off"}
    return {}


@contextmanager
def running_farm(folder: Path, **settings: str) -> Iterator[RunningFarm]:
    """Start a farm in a folder with these settings, and kill it; other tests cover how it stops by itself."""
    started: RunningFarm | None = None
    try:
        started = start_farm(folder, **settings)
        yield started
    finally:
        if started:
            started.up.kill()
            started.up.wait(30)
        end_everything(folder)


def start_farm(folder: Path, **settings: str) -> RunningFarm:
    """Start `farm up` in a folder and wait until it is ready; the caller stops it, and ends what is left."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = started_settings(folder, **settings)
    with (folder / "up.log").open("ab") as log:
        up = subprocess.Popen(
            own_module("farm", "up"),
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    runtime = _await_ready(up, folder)
    return RunningFarm(runtime["url"], runtime["redis_url"], up, folder, environment)


def started_settings(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a `farm up` in a folder: these settings, and none of this machine's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NAMES)}
    return {**inherited, "DATA_DIR": str(folder / "data"), "PORT": "0", "LEAN_WORKERS": "2", **settings}


def is_live(url: str) -> bool:
    """Whether an API answers at all."""
    try:
        return httpx.get(f"{url}/livez", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def end_everything(folder: Path) -> None:
    """Kill whatever still runs in a folder."""
    for process in processes_of(folder):
        end_session(process.pid)


def stop(up: subprocess.Popen[bytes]) -> None:
    """Stop `farm up` as Ctrl-C does, and wait."""
    if up.poll() is None:
        up.send_signal(signal.SIGINT)
    up.wait(30)


def _await_ready(up: subprocess.Popen[bytes], folder: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_TIMEOUT_S
    runtime_file = folder / "data" / "runtime.json"
    while time.monotonic() < deadline and up.poll() is None:
        try:
            runtime: dict[str, str] = json.loads(runtime_file.read_text())
            # An earlier `farm up` may have left its own file behind.
            is_ours = runtime["supervisor"].startswith(f"{up.pid}.")
            if is_ours and httpx.get(f"{runtime['url']}/readyz", timeout=5).status_code == 200:
                return runtime
        except (OSError, ValueError, KeyError, httpx.TransportError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"`farm up` did not get ready:\n{(folder / 'up.log').read_text()}")
