"""Output of the commands: tables and colour in a terminal, tab-separated lines in a pipe, JSON on request."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from farm.cli.tables import Sheet, render, visible
from farm.client import Farm
from farm.errors import InvalidRequest
from farm.settings import load

JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]

console = Console()
errors = Console(stderr=True)

_RETRIES = 2


def connect() -> Farm:
    """Return a client for the farm that the settings name."""
    settings = load()
    # A person is waiting. If no farm answers, the person should learn it soon, so the SDK makes only a few retries.
    return Farm(settings.url, api_key=settings.farm_api_key or None, retries=_RETRIES)


def mend_streams() -> None:
    """Make sure that printing cannot fail, whatever the text is and even if a stream was closed.

    A stream whose encoding lacks a character gets an escape in its place. A stream that was closed before the start is
    replaced by one that discards all output.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Discard what stdout still holds, and all further output: Python would try to write it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_stdin() -> bytes:
    """Return all of stdin.

    Raises:
        InvalidRequest: stdin was closed before the start.
    """
    # `sys.stdin` is None if stdin was closed; its declared type does not say so.
    if (stream := getattr(sys, "stdin", None)) is None:
        raise InvalidRequest("`-` stands for stdin, and stdin is closed")
    content: bytes = stream.buffer.read()
    return content


def tell(text: str, label: str = "", style: str = "") -> None:
    """Print a line on stderr for the person at the terminal. Brackets in the text are printed, not taken as markup."""
    line = Text.assemble((label, style), "  " if label else "", visible(text) if errors.is_terminal else text)
    errors.print(line, soft_wrap=True)


def show_text(text: str) -> None:
    """Print a text on stdout: as it is in a pipe, and without its control characters on a terminal."""
    if console.is_terminal:
        console.print(visible(text), markup=False, highlight=False)
    else:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def show_json(value: Any) -> None:
    """Print a value as JSON; indent it if the output goes to a terminal."""
    _write_json(value, 2 if sys.stdout.isatty() else None)


def show_json_line(value: Any) -> None:
    """Print a value as one line of JSON, even if the output goes to a terminal."""
    _write_json(value, None)


def _write_json(value: Any, indent: int | None) -> None:
    # rich does not print this, because it would wrap the JSON at the width of the terminal.
    is_unicode = sys.stdout.encoding.lower().startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=not is_unicode, indent=indent) + "\n")
    sys.stdout.flush()


def show_line(cells: Sequence[Any]) -> None:
    """Print cells as one line, with tabs between them."""
    sys.stdout.write("\t".join(" ".join(str(cell).split()) for cell in cells) + "\n")
    sys.stdout.flush()


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, has_text: bool = False, note: str = ""
) -> None:
    """Print rows as a table in a terminal, or as tab-separated lines with a header line in a pipe.

    Args:
        columns: the names of the columns; the first cell of a row is the row's name.
        rows: the cells.
        has_text: whether the last column holds long texts, which a terminal may wrap onto several lines.
        note: the name of a column of sentences. A terminal shows each sentence once, under the table.
    """
    if not console.is_terminal:
        for row in (columns, *rows):
            show_line(row)
        return
    cells = [[str(cell) for cell in row] for row in rows]
    console.print(render(Sheet(columns, cells, has_text), console.width, note))


def is_watched(as_json: bool) -> bool:
    """Whether to show progress on stderr: it is a terminal, and no JSON goes to the same terminal."""
    return errors.is_terminal and not (as_json and sys.stdout.isatty())


def waiting(text: str, as_json: bool) -> AbstractContextManager[object]:
    """Return a context in which stderr shows what the command is waiting for."""
    return errors.status(text) if is_watched(as_json) else nullcontext()


def progress_bar(as_json: bool = False) -> Progress:
    """Return a progress bar, which shows nothing without a terminal. It is on stderr, so that stdout can be piped."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not is_watched(as_json),
        # With the redirection, rich would wrap what this command prints on stdout, even JSON, and print it on stderr.
        redirect_stdout=False,
    )
