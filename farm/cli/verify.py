"""`farm verify`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from farm.cli.output import connect, console, progress_bar, show_json, show_table, tell
from farm.client import Batch, Farm
from farm.errors import InvalidRequest
from farm.models import Outcome, Proof, Verdict

_TEXT_CHARS = 100


def verify(
    paths: Annotated[list[str], typer.Argument(help="Lean files, folders, .jsonl files of proofs, or - for stdin.")],
    timeout: Annotated[float | None, typer.Option(help="Seconds one proof may run.")] = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="Among your own batches, 9 first.")] = 5,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run again what has a verdict already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON verdict per line, as they finish.")] = False,
) -> None:
    """Verify proofs and show their verdicts; exit 0 only if all are accepted.

    A line of a .jsonl file is `{"id"?, "code", "statement"?, "problem"?}`. Ctrl-C cancels what has not run.
    """
    proofs = list(_read(paths))
    if not proofs:
        raise InvalidRequest(f"There is no .lean or .jsonl file in {', '.join(paths)}")
    with connect() as farm:
        verdicts = _run(farm, proofs, timeout, priority, cache=not no_cache, as_json=as_json)
    if not as_json:
        _show(verdicts)
    raise typer.Exit(0 if all(verdict.outcome is Outcome.ACCEPTED for verdict in verdicts) else 1)


def _read(paths: list[str]) -> Iterator[Proof]:
    for name in paths:
        if name == "-":
            yield _proof({"id": "stdin", "code": sys.stdin.read()}, "stdin")
            continue
        path = Path(name)
        if not path.exists():
            raise InvalidRequest(f"There is no {name}")
        files = sorted(path.rglob("*.lean")) + sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        for file in files:
            yield from _read_file(file)


def _read_file(path: Path) -> Iterator[Proof]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8") from error
    if path.suffix != ".jsonl":
        yield _proof({"id": str(path)[-256:], "code": text}, str(path))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _proof(line, f"{path}:{number}")


def _proof(value: object, where: str) -> Proof:
    try:
        return Proof.model_validate(json.loads(value) if isinstance(value, str) else value)
    except (ValidationError, json.JSONDecodeError) as error:
        text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidRequest(f"{where} is no proof: {text}") from error


def _run(
    farm: Farm, proofs: list[Proof], timeout_s: float | None, priority: int, *, cache: bool, as_json: bool
) -> list[Verdict]:
    batch = farm.submit(proofs, timeout_s=timeout_s, priority=priority, cache=cache)
    verdicts = []
    try:
        with progress_bar() as bar:
            task = bar.add_task(f"verifying batch {batch.id[:8]}", total=len(proofs))
            for verdict in batch.results():
                verdicts.append(verdict)
                bar.advance(task)
                if as_json:
                    show_json(verdict.dump())
    except KeyboardInterrupt:
        _cancel(batch)
        raise typer.Exit(130) from None
    return sorted(verdicts, key=lambda verdict: verdict.index)


def _cancel(batch: Batch) -> None:
    status = batch.cancel()
    tell(f"cancelled batch {batch.id}: {status.done} of {status.total} had a verdict")


def _show(verdicts: list[Verdict]) -> None:
    rows = [
        (each.id, each.outcome.value, each.reason or "", f"{each.time_s:.2f}", each.attempts, _first_message(each))
        for each in verdicts
    ]
    show_table(("proof", "outcome", "reason", "time s", "runs", "message"), rows)
    if console.is_terminal:
        counts = {outcome: sum(v.outcome is outcome for v in verdicts) for outcome in Outcome}
        engine = verdicts[0].environment.lean_version or "no Lean"
        console.print(", ".join(f"{n} {outcome.value}" for outcome, n in counts.items()) + f" by {engine}")


def _first_message(verdict: Verdict) -> str:
    """The message that explains the outcome: the first error, else the first of all."""
    messages = sorted(verdict.messages, key=lambda message: message.severity != "error")
    if not messages:
        return ""
    first = messages[0]
    where = f"{first.pos.line}:{first.pos.column} " if first.pos else ""
    text = " ".join(first.data.split())
    return where + (text if len(text) <= _TEXT_CHARS else text[: _TEXT_CHARS - 1] + "…")
