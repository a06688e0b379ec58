"""`farm index build` and `farm index info`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from farm.cli.output import progress_bar, show_json, show_table
from farm.errors import FarmError

app = typer.Typer(help="Build the vectors and index of DATA_REPO, and look at them.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.command()
def build(as_json: JsonOption = False) -> None:
    """Embed what has no vectors yet, and index it; a build that was stopped goes on where it was."""
    with progress_bar() as bar:
        task = bar.add_task("embedding the corpus", total=None)
        for line in _lines():
            if "done" in line:
                bar.update(task, completed=line["done"], total=line["total"])
    _show(line["index"], as_json)


@app.command()
def info(as_json: JsonOption = False) -> None:
    """Show corpus, snapshot, model, counts and files, without building anything."""
    [line] = _lines("--info")
    _show(line["index"], as_json)


def _lines(*arguments: str) -> Iterator[dict[str, Any]]:
    """Yield what the builder says; it runs apart, because only workers know corpora and FAISS.

    Raises:
        FarmError: it failed.
    """
    command = [sys.executable, "-m", "workers.premises.build", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            for line in map(json.loads, process.stdout):
                if "error" in line:
                    raise FarmError(line["error"])
                yield line
        except BaseException:
            # Nobody reads on: it must not embed for nobody. What it has is kept.
            process.terminate()
            raise
    if process.returncode:
        raise FarmError("The index builder failed: its own words are above")


def _show(index: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(index)
        return
    files = ", ".join(f"{file['path']} ({file['bytes'] / 1e6:.1f} MB)" for file in index["files"])
    show_table(("index", ""), [*((name, value) for name, value in index.items() if name != "files"), ("files", files)])
