"""Output of the commands: tables and colour in a terminal, tab-separated lines in a pipe, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from farm.cli.tables import Sheet, render
from farm.client import Farm
from farm.settings import load

JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]

console = Console()
errors = Console(stderr=True)

_RETRIES = 2


def connect() -> Farm:
    """Return a client for the farm that the settings name."""
    settings = load()
    # A person is waiting and should soon learn that no farm answers.
    return Farm(settings.url, api_key=settings.farm_api_key or None, retries=_RETRIES)


def tell(text: str, label: str = "", style: str = "") -> None:
    """Print a line on stderr for the person at the terminal; brackets in the text are printed as they are."""
    line = Text.assemble((label, style), "  " if label else "", text)
    errors.print(line, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON, indented if a person reads it at a terminal."""
    _write_json(value, 2 if sys.stdout.isatty() else None)


def show_json_line(value: Any) -> None:
    """Print a value as one line of JSON, on a terminal too."""
    _write_json(value, None)


def _write_json(value: Any, indent: int | None) -> None:
    # Not by rich, which wraps at the width of the terminal.
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
        has_text: whether the last column is text, which may take several lines of a terminal.
        note: the name of a column of sentences, each of which a terminal shows once, under the table.
    """
    if not console.is_terminal:
        for row in (columns, *rows):
            show_line(row)
        return
    cells = [[str(cell) for cell in row] for row in rows]
    console.print(render(Sheet(columns, cells, has_text), console.width, note))


def is_watched(as_json: bool) -> bool:
    """Whether a person is watching stderr, and no JSON goes to the same terminal."""
    return errors.is_terminal and not (as_json and sys.stdout.isatty())


def waiting(text: str, as_json: bool) -> AbstractContextManager[object]:
    """Show on stderr what a command is waiting for."""
    return errors.status(text) if is_watched(as_json) else nullcontext()


def progress_bar(as_json: bool = False) -> Progress:
    """Return a progress bar on stderr, so that results can be piped; it is silent without a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not is_watched(as_json),
        # Otherwise our output on stdout, JSON included, would go to stderr, wrapped.
        redirect_stdout=False,
    )
