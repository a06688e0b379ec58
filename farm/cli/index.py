"""`farm index build`, `farm index use` and `farm index info`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import typer

from farm.cli.output import JsonOption, progress_bar, show_json, show_table
from farm.errors import FarmError
from farm.processes import own_module

app = typer.Typer(help="Build the vectors and index of DATA_REPO, and look at them.", no_args_is_help=True)


@app.command()
def build(as_json: JsonOption = False) -> None:
    """Embed what has no vectors yet, and index it; a build that was stopped continues where it left off."""
    _show(_followed(as_json), as_json)


@app.command()
def use(as_json: JsonOption = False) -> None:
    """Build DATA_REPO at DATA_REVISION, then switch the running farm to it; no query is dropped.

    This command talks to Redis directly: at REDIS_URL if that is set, and otherwise to the Redis of the farm that
    `farm up` runs on DATA_DIR.
    """
    _show(_followed(as_json, "--use"), as_json)


@app.command()
def info(as_json: JsonOption = False) -> None:
    """Show the corpus, its snapshot, the model, counts and files, without building anything."""
    [line] = _lines("--info")
    _show(line["index"], as_json)


def _followed(as_json: bool, *arguments: str) -> dict[str, Any]:
    """Run the index builder, show a progress bar until it ends, and return the builder's description of the index."""
    index: dict[str, Any] = {}
    with progress_bar(as_json) as bar:
        task = bar.add_task("embedding the corpus", total=None)
        for line in _lines(*arguments):
            if "done" in line:
                bar.update(task, completed=line["done"], total=line["total"])
            elif "workers" in line:
                task = bar.add_task(
                    f"{line['workers']} premise worker(s) load the index while they answer, then switch", total=None
                )
            index = line.get("index", index)
    return index


def _lines(*arguments: str) -> Iterator[dict[str, Any]]:
    """Run the index builder and yield its messages.

    The builder runs in a process of its own, because only the code of workers may import corpora and FAISS.

    Raises:
        FarmError: the builder failed.
    """
    command = own_module("workers.premises.build", *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            for line in map(json.loads, process.stdout):
                if "error" in line:
                    raise FarmError(line["error"])
                yield line
        except BaseException:
            # This command ends, so the builder must not go on embedding. The vectors that it has made are kept.
            process.terminate()
            raise
    if process.returncode:
        raise FarmError("The index builder failed: its own message is above")


def _show(index: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(index)
        return
    files = ", ".join(f"{file['path']} ({file['bytes'] / 1e6:.1f} MB)" for file in index["files"])
    show_table(("index", ""), [*((name, value) for name, value in index.items() if name != "files"), ("files", files)])
