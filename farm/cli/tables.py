"""Makes tables that fit a terminal without cutting text.

If there is room, a table has its columns side by side. If there is not, each row becomes a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TypeAlias

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

COLOURS = {"accepted": "green", "rejected": "red", "undecided": "yellow"}

Rows: TypeAlias = Sequence[Sequence[str]]
_GAP = 2
_LEAST_TEXT = 24
_INDENT = "  "
# Category Cc, except tab and newline. A terminal obeys such characters: they clear it, or write to the clipboard.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of cells under column names. The first cell of a row is the row's name.

    Attributes:
        has_text: whether the last column holds long texts, which may wrap onto several lines.
    """

    columns: Sequence[str]
    rows: Rows
    has_text: bool = False

    @property
    def widths(self) -> list[int]:
        """The width that each column needs, in characters of the terminal."""
        return [max(map(cell_len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]

    def fits(self, width: int) -> bool:
        """Whether the columns fit in a terminal of this width; a last column of long texts may wrap instead."""
        widths = self.widths
        if self.has_text:
            widths[-1] = min(widths[-1], _LEAST_TEXT)
        return sum(widths) + _GAP * (len(widths) - 1) <= width

    def without(self, dropped: set[int]) -> Sheet:
        """Return the sheet without the dropped columns."""
        kept = [place for place in range(len(self.columns)) if place not in dropped]
        rows = [[row[place] for place in kept] for row in self.rows]
        last_is_kept = len(self.columns) - 1 in kept
        return Sheet([self.columns[place] for place in kept], rows, self.has_text and last_is_kept)


def visible(text: str) -> str:
    """Return a text for a terminal, with a replacement character for each control character except tab and newline."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def render(sheet: Sheet, width: int, note: str = "") -> RenderableType:
    """Return a table for a terminal.

    Args:
        sheet: the rows to show; empty columns are left out.
        width: the terminal's width, in characters.
        note: the name of a column of sentences. Each sentence is shown once, under the table.
    """
    shown = [[visible(cell) for cell in row] for row in sheet.rows]
    sheet, notes = _noted(Sheet(sheet.columns, shown, sheet.has_text), note)
    empty = {place for place, cells in enumerate(zip(*sheet.rows, strict=True)) if place and not any(cells)}
    sheet = sheet.without(empty)
    narrow, said = _narrowed(sheet, width)
    if narrow.fits(width):
        return Group(_beside(narrow), *(Text(line) for line in [*said, *notes]))
    return Group(*_paragraphs(sheet, width), *map(Text, notes))


def _noted(sheet: Sheet, note: str) -> tuple[Sheet, list[str]]:
    """Return the sheet with a number in place of each note, and the lines that show the notes under the table."""
    if not note or note not in sheet.columns:
        return sheet, []
    place = list(sheet.columns).index(note)
    texts = list(dict.fromkeys(row[place] for row in sheet.rows if row[place]))
    numbers = {text: f"[{number}]" for number, text in enumerate(texts, 1)} | {"": ""}
    rows = [[*row[:place], numbers[row[place]], *row[place + 1 :]] for row in sheet.rows]
    return Sheet(sheet.columns, rows), [f"{numbers[text]} {text}" for text in texts]


def _narrowed(sheet: Sheet, width: int) -> tuple[Sheet, list[str]]:
    """Make a sheet narrower: drop columns whose cell is the same in every row.

    The widest of these columns are dropped first, and only as many as necessary.

    Returns:
        The sheet, and a line that shows the cell of each dropped column once.
    """
    if len(sheet.rows) < 2:
        return sheet, []
    cells = list(zip(*sheet.rows, strict=True))
    same = [place for place in range(1, len(cells)) if len(set(cells[place])) == 1]
    dropped: set[int] = set()
    for place in sorted(same, key=lambda place: -sheet.widths[place]):
        if sheet.without(dropped).fits(width):
            break
        dropped.add(place)
    said = ", ".join(f"{sheet.columns[place]} {cells[place][0]}" for place in sorted(dropped))
    return sheet.without(dropped), [f"all: {said}"] if said else []


def _beside(sheet: Sheet) -> RenderableType:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    last = len(sheet.columns) - 1
    for place, name in enumerate(sheet.columns):
        is_text = sheet.has_text and place == last
        table.add_column(Text(name), no_wrap=not is_text, overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(cell, COLOURS.get(cell, "")) for cell in row))
    return table


def _paragraphs(sheet: Sheet, width: int) -> Iterator[RenderableType]:
    # If the first column has no name, it holds the row's state, and the second column holds the row's name.
    named = 1 if sheet.columns[0] else 2
    for row in sheet.rows:
        yield Text("  ".join(row[:named]), style="bold", overflow="fold")
        pairs = [f"{column}: {cell}" for column, cell in zip(sheet.columns[named:], row[named:], strict=True) if cell]
        for line in _flowing(pairs, max(1, width - len(_INDENT))):
            yield Text(_INDENT + line, overflow="fold")


def _flowing(cells: Sequence[str], width: int) -> Iterator[str]:
    """Yield the cells as lines, broken between cells. Only a cell longer than a line is broken between its words."""
    line = ""
    for cell in cells:
        joined = f"{line}{' ' * _GAP}{cell}" if line else cell
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        *whole, line = wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]
        yield from whole
    if line:
        yield line
