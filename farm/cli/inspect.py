"""`farm doctor` and `farm bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from farm.bench import Measured, bench_batch, bench_retrieve, bench_verify
from farm.cli.findings import show_attempts, show_findings
from farm.cli.output import JsonOption, connect, progress_bar, show_json, show_table, tell, waiting
from farm.cli.texts import decode, read_file
from farm.doctor import diagnose, install_lean, try_sandbox
from farm.settings import load

_CODE = "theorem leanfarm_bench : 1 + 1 = 2 := by rfl"
_GOAL = "a b : Nat\n⊢ a + b = b + a"


def doctor(
    install: Annotated[bool, typer.Option("--install-lean", help="Install Lean, with LeanInteract.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Test the sandbox: what it must deny, and what must work in it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed and reachable here, and what to do about the rest; exit 1 if something is missing."""
    settings = load()
    if install:
        tell(install_lean())
    if sandbox:
        _try_sandbox(as_json)
    with waiting("checking; the first check of Lean may fetch and build a REPL", as_json):
        findings = list(diagnose(settings))
    if as_json:
        show_json([finding.dump() for finding in findings])
    else:
        show_findings(findings)
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


def _try_sandbox(as_json: bool) -> NoReturn:
    """Try the sandbox and show the result of every attempt; exit 1 if a result is unexpected or a layer is missing."""
    with waiting("trying hostile programs in the sandbox", as_json):
        report = try_sandbox()
    if as_json:
        show_json(report)
    else:
        show_attempts(report)
    raise typer.Exit(0 if report["ok"] else 1)


def bench(
    proofs: Annotated[int, typer.Option(min=0, help="Proofs to verify in one batch, then singly; 0: none.")] = 500,
    queries: Annotated[int, typer.Option(min=0, help="Premise queries; 0: none.")] = 200,
    concurrency: Annotated[int, typer.Option(min=1, help="How many clients wait at the same time.")] = 8,
    code: Annotated[Path | None, typer.Option(help="Lean file to verify; absent: a one-line theorem.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put load on the farm at FARM_URL and measure it. Figures from a scripted REPL say nothing about Lean."""
    text = decode(read_file(code), str(code)) if code else _CODE
    measured: list[Measured] = []
    with connect() as farm, progress_bar(as_json) as bar:
        task = bar.add_task("load", total=2 * proofs + queries)
        if proofs:
            measured.append(bench_batch(farm, text, proofs, lambda: bar.advance(task)))
            measured.append(bench_verify(farm, text, proofs, concurrency, lambda: bar.advance(task)))
        if queries:
            measured.append(bench_retrieve(farm, _GOAL, queries, concurrency, lambda: bar.advance(task)))
    if as_json:
        show_json([each.dump() for each in measured])
        return
    rows = [(m.load, m.count, m.wall_s, m.per_s, m.p50_ms, m.p95_ms, m.undecided) for m in measured]
    show_table(("load", "count", "wall s", "per s", "p50 ms", "p95 ms", "undecided"), rows)
