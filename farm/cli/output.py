"""How the commands show things: tables and colour in a terminal, tab-separated lines in a pipe, JSON when asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from farm.client import Farm
from farm.settings import load

console = Console()
errors = Console(stderr=True)

_RETRIES = 2
COLOURS = {"accepted": "green", "rejected": "red", "undecided": "yellow"}


def connect() -> Farm:
    """Return a client for the farm that the settings name."""
    settings = load()
    # A person waits: better told soon that no farm answers than kept hoping.
    return Farm(settings.url, api_key=settings.farm_api_key or None, retries=_RETRIES)


def tell(text: str, label: str = "", style: str = "") -> None:
    """Print a line for the person at the terminal, on stderr; the text is shown as it is, brackets and all."""
    line = Text.assemble((label, style), "  " if label else "", text)
    errors.print(line, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None) + "\n")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print rows as a table in a terminal, as tab-separated lines with a head in a pipe."""
    if not console.is_terminal:
        for row in (columns, *rows):
            sys.stdout.write("\t".join(" ".join(str(cell).split()) for cell in row) + "\n")
        return
    table = Table(*columns, title=title or None, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(_coloured(str(cell)) for cell in row))
    console.print(table)


def _coloured(text: str) -> str:
    colour = COLOURS.get(text)
    return f"[{colour}]{text}[/{colour}]" if colour else escape(text)


def progress_bar() -> Progress:
    """Return a progress bar on stderr, so that results can be piped; it is silent where nobody looks."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
    )
