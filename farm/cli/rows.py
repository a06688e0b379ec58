"""Reads the rows of JSON, CSV and Parquet files, and makes proofs of them. A bad row spoils only its own verdict."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from farm.cli.datasets import read_parquet
from farm.cli.texts import decode, read_file
from farm.client.columns import FIELDS, is_data_set, name_of, pick, top_level
from farm.client.rows import EMPTY, BadRow, bad_row, is_blank
from farm.errors import InvalidRequest, plain
from farm.models import Proof

Row: TypeAlias = Proof | BadRow
Placed: TypeAlias = tuple[str, Any]
"""A row as it was read: a pair of its place (`NAME:NUMBER`, counted from 1) and its content."""

_NAMES = ("id", "problem")
_ADVICE = "; --statement-column, --code-column, --id-column and --column FIELD=COLUMN say which column holds what"
_ID_CHARS = 256
_MAX_CELL_CHARS = 100_000_000
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be read.

    Attributes:
        why: what is wrong with the row.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a data set holds which field of a proof.

    Attributes:
        given: the column names that the user gave, by field; an empty name leaves the field out. Any other field is
            read from a column with the field's own name or another usual name (farm/client/columns.py).
        seen: how often each problem's name has served as the id of a row without an id.
    """

    given: dict[str, str]
    seen: Counter[str] = field(default_factory=Counter)

    @classmethod
    def parse(cls, texts: Iterable[str], **named: str | None) -> Columns:
        """Return the columns that the user gave, as texts `FIELD=COLUMN` or as arguments `field=column`.

        Raises:
            InvalidRequest: a text has another form or names no field of a proof, or a field has two columns.
        """
        given = {field: column for field, column in named.items() if column is not None}
        for text in texts:
            field, equals, column = text.partition("=")
            if not equals or field not in FIELDS:
                raise InvalidRequest(f"--column takes FIELD=COLUMN, with FIELD one of {', '.join(FIELDS)}")
            if given.get(field, column) != column:
                raise InvalidRequest(f"{field} is said to be in {given[field]!r} and in {column!r}: name one column")
            given[field] = column
        return cls(given)

    @property
    def names(self) -> list[str]:
        """The names of all columns that may be needed from a table."""
        return top_level(self.given)

    def pick(self, row: dict[str, Any]) -> dict[str, Any] | Unreadable:
        """Return the fields of a proof that a row of a data set holds, or why the row cannot be read."""
        try:
            fields = pick(row, self.given)
        except LookupError as error:
            return Unreadable(f"has no column {error.args[0]!r}; it has {_listed(row)}{_ADVICE}")
        except ValueError as error:
            return Unreadable(f"is not a proof: {error}{_ADVICE}")
        if "id" not in fields and (name := name_of(row, self.given)):
            self.seen[name] += 1
            fields["id"] = name if self.seen[name] == 1 else f"{name}#{self.seen[name]}"
        return fields


def _listed(row: dict[str, Any]) -> str:
    names = ", ".join(map(str, list(row)[:_MOST_NAMED]))
    return names + (" and others" if len(row) > _MOST_NAMED else "")


def read_rows(
    path: Path, suffix: str, columns: Columns, name: str, *, of_data_set: bool = False
) -> Iterator[tuple[str, Row]]:
    """Yield a pair for each row of a file: the row's place, and the proof or the bad row that it holds.

    Args:
        path: the file.
        suffix: the form of the file's content: `.jsonl`, `.json`, `.csv` or `.parquet`.
        columns: which column of a data set holds which field.
        name: the name of the file in the places of its rows.
        of_data_set: whether to read every JSON row by columns, even if the user gave none. With False, and no columns
            from the user, a JSON row is read by columns only if it has a column name that only data sets use; any other
            JSON row has to be a proof as it stands. Rows of CSV and Parquet files are always read by columns.

    Raises:
        InvalidRequest: the file cannot be read.
        ConfigurationError: the library that reads the file is not installed.
    """
    if suffix == ".parquet":
        return _proofs(read_parquet(path, columns.names, name), columns)
    return parse_rows(read_file(path), suffix, columns, name, of_data_set=of_data_set)


def parse_rows(
    content: bytes, suffix: str, columns: Columns, name: str, *, of_data_set: bool = False
) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file's content, as `read_rows` does."""
    # Bytes that are not UTF-8 are kept as surrogates here, so that they spoil only their own row.
    text = decode(content, name, errors="surrogateescape")
    if suffix == ".csv":
        return _proofs(_csv(text, name), columns)
    rows = _lines(text, name) if suffix == ".jsonl" else _json(text, name)
    return _proofs(rows, columns, is_strict=not columns.given and not of_data_set)


def _json(text: str, name: str) -> Iterator[Placed]:
    """Yield the items of a JSON list, or the value of another JSON text; if the text is not JSON, yield its lines."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _lines(text, name)
    items = whole if isinstance(whole, list) else [whole]
    return ((f"{name}:{number}", item) for number, item in enumerate(items, 1))


def _lines(text: str, name: str) -> Iterator[Placed]:
    # `splitlines` would also split at U+2028, which JSON may hold unescaped.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{name}:{number}", _loads(line)


def _loads(line: str) -> Any:
    try:
        line.encode()
        return json.loads(line)
    except UnicodeEncodeError as error:
        return Unreadable(f"is not UTF-8 at column {error.start + 1}")
    except json.JSONDecodeError as error:
        return Unreadable(f"is not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Unreadable(f"is not JSON: {error}")


def _csv(text: str, name: str) -> Iterator[Placed]:
    csv.field_size_limit(_MAX_CELL_CHARS)
    rows = csv.DictReader(StringIO(text), strict=True)
    number = 2
    try:
        for row in rows:
            yield f"{name}:{number}", _cells(row)
            number = rows.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(f"{name}:{number} is not CSV: {error}") from error


def _cells(row: dict[Any, Any]) -> Any:
    if None in row or None in row.values():
        return Unreadable("has more or fewer cells than the header line")
    # CSV has no null, so an empty cell stands for a missing value.
    return {column: cell or None for column, cell in row.items()}


def _proofs(rows: Iterable[Placed], columns: Columns, *, is_strict: bool = False) -> Iterator[tuple[str, Row]]:
    """Yield a pair for each row: the row's place, and the proof or the bad row that it holds.

    A row of a data set is read by columns, and gets its place as its id if it has none. If `is_strict`, a row counts as
    one of a data set only if it has a column name that only data sets use. Any other row must then be a proof as it
    stands, and an unknown field in it is an error.
    """
    for where, row in rows:
        if not isinstance(row, dict) or (is_strict and not is_data_set(row)):
            yield where, as_row(row, where)
        else:
            picked = columns.pick(row)
            yield where, as_row(_named(picked, where) if isinstance(picked, dict) else picked, where)


def _named(fields: dict[str, Any], where: str) -> dict[str, Any]:
    return fields if fields.get("id") is not None else {**fields, "id": id_of_place(where)}


def as_row(row: Any, where: str) -> Row:
    """Return the proof that a row holds; if it holds none, return a bad row that says why."""
    if isinstance(row, Unreadable):
        return BadRow(id_of_place(where), f"{where} {row.why}")
    if not isinstance(row, dict):
        return BadRow(id_of_place(where), f"{where} is not a JSON object")
    # Some data sets number their problems, so a number is accepted as a name.
    fields = {name: str(value) if name in _NAMES and _is_number(value) else value for name, value in row.items()}
    if "code" in fields and is_blank(fields["code"]):
        return _bad(fields, where, EMPTY)
    try:
        return Proof.model_validate(fields)
    except ValidationError as error:
        first, *_ = error.errors()
        advice = _ADVICE if first["type"] in ("missing", "extra_forbidden") else ""
        field = ".".join(map(str, first["loc"]))
        return _bad(fields, where, f"{where} is not a proof: {field}: {plain(first['msg'])}{advice}")


def _bad(fields: dict[str, Any], where: str, why: str) -> BadRow:
    bad = bad_row(fields, why)
    return bad if bad.id else replace(bad, id=id_of_place(where))


def id_of_place(place: str) -> str:
    """Return a row's place as an id: not too long, and valid UTF-8 even if the file's name is not valid UTF-8."""
    return place[-_ID_CHARS:].encode(errors="replace").decode()


def _is_number(value: Any) -> bool:
    # `isfinite` raises an error for an integer that is too large for a float.
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and isfinite(value)))
