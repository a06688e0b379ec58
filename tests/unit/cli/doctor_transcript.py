"""Shows what `farm doctor` and `farm doctor --sandbox` would have found on some hosts; a program of its own.

The findings are fixed here, because those of a real host name its Python, cores, memory and kernel.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from farm.cli.findings import show_attempts, show_findings
from farm.doctor import Finding
from tests.unit.cli.transcript import show

_HERE = [
    Finding("system", "ok", "Python 3.12.9, 64 cores, 503.6 GB of memory"),
    Finding("descriptors", "ok", "a process may have 524288"),
    Finding("leanfarm[workers]", "ok", "installed"),
    Finding("redis", "ok", "no REDIS_URL is set: `farm up` embeds Valkey"),
    Finding("environments", "ok", "also mathlib, physlib; only default is tried here"),
]
_LEAN = Finding("lean", "ok", "v4.35.0 answers in 1.4 s")
_OLD_LEAN = Finding(
    "lean",
    "note",
    "v4.21.0 answers in 1.4 s",
    "Lean v4.21.0 is known to be unsound: its kernel can be made to accept a proof of False (notes of v4.34.0)",
)
_NO_LEAN = Finding(
    "lean",
    "missing",
    "Lean was not found: there is no `lake`. Run `farm doctor --install-lean`, or set LAKE_PATH and LEAN_REPL_DIR",
    "farm doctor --install-lean, or set LAKE_PATH",
)
_NO_TEI = Finding(
    "embedding",
    "missing",
    "no answer from http://tei-0.models.svc.cluster.local:8080, http://tei-1.models.svc.cluster.local:8080",
    "start TEI, or correct EMBED_SERVICE_URL",
)
_NO_FARM = Finding("farm", "note", "no farm answers at http://127.0.0.1:8000", "farm up")
_LAYERS = ["landlock:7", "seccomp", "rlimits", "no_new_privs", "pdeathsig", "scratch", "uid"]


def outcome(topic: str, attempt: str, expected: str, found: str, detail: str = "") -> dict[str, str]:
    return {"topic": topic, "attempt": attempt, "expected": expected, "found": found, "detail": detail}


_OUTCOMES = [
    outcome("files", "read_a_secret_in_the_home_folder", "denied", "denied", "EACCES"),
    outcome("files", "read_a_secret_in_the_environment", "denied", "denied", "the environment holds none"),
    outcome("network", "connect_to_an_abstract_unix_socket", "denied", "denied", "EPERM"),
    outcome("processes", "read_the_parents_memory", "killed", "killed", "SIGSYS"),
    outcome("lean", "find_its_stack_and_its_program", "allowed", "allowed"),
]
_WRONG = [
    outcome("network", "connect_over_tcp", "denied", "allowed"),
    outcome("lean", "load_a_library", "allowed", "broken", "ended with 1: ImportError: libgmp.so.10: cannot open"),
]
_NO_LANDLOCK = "this kernel has no Landlock (Linux 5.13): set SANDBOX=bubblewrap, or run on another host"


def report(*, ok: bool, notice: str = "", outcomes: list[dict[str, str]]) -> dict[str, Any]:
    return {"ok": ok, "notice": notice, "layers": [] if notice else _LAYERS, "outcomes": outcomes}


def main() -> None:
    """Show hosts on which all is there, and hosts on which something is wrong."""
    for lean, others in ((_LEAN, []), (_OLD_LEAN, [_NO_FARM]), (_NO_LEAN, [_NO_TEI, _NO_FARM])):
        show("farm doctor", partial(show_findings, [*_HERE, lean, *others]))
    for found in (
        report(ok=True, outcomes=_OUTCOMES),
        report(ok=False, outcomes=[*_OUTCOMES, *_WRONG]),
        report(ok=False, notice=_NO_LANDLOCK, outcomes=[]),
    ):
        show("farm doctor --sandbox", partial(show_attempts, found))


if __name__ == "__main__":
    main()
