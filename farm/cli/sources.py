"""Where `farm verify` reads proofs: Lean files, folders, stdin, lines of JSON, data sets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farm.cli.datasets import HUB, fetch, read_parquet
from farm.errors import InvalidRequest
from farm.models import Proof

_FIELDS = tuple(Proof.model_fields)
_SUFFIXES = (".lean", ".jsonl", ".parquet")
_ID_CHARS = 256


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a data set holds which field of a proof.

    Attributes:
        given: the column by field, as the user said; an empty one leaves the field out. A field that is not here has
            the column of its own name, if there is one.
    """

    given: dict[str, str]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Columns:
        """Return the columns that `FIELD=COLUMN` texts name.

        Raises:
            InvalidRequest: a text is none, or names no field of a proof.
        """
        pairs = [text.partition("=") for text in texts]
        for field, equals, _ in pairs:
            if not equals or field not in _FIELDS:
                raise InvalidRequest(f"--column reads FIELD=COLUMN, with FIELD one of {', '.join(_FIELDS)}")
        return cls({field: column for field, _, column in pairs})

    @property
    def names(self) -> list[str]:
        """All columns that may be needed."""
        return [column for field in _FIELDS if (column := self.given.get(field, field))]

    def pick(self, row: dict[str, Any], where: str) -> dict[str, Any]:
        """Return the fields of a proof from a row; one without an id is named by its place.

        Raises:
            InvalidRequest: a column that was asked for is not there.
        """
        for column in filter(None, self.given.values()):
            if column not in row:
                raise InvalidRequest(f"{where} has no column {column!r}: --column names those that hold the proof")
        found = {field: row.get(self.given.get(field, field)) for field in _FIELDS}
        fields = {field: value for field, value in found.items() if value is not None}
        # Data sets number their problems; a number is a name too.
        fields |= {field: str(fields[field]) for field in ("id", "problem") if field in fields}
        return {"id": where[-_ID_CHARS:], **fields}


def read(paths: Iterable[str], columns: Columns, split: str | None, skip: Path | None) -> Iterator[Proof]:
    """Yield the proofs that a user names.

    Args:
        paths: files, folders, `-` for stdin, `hf://datasets/OWNER/NAME[@REVISION][/PATH]`.
        columns: where rows of data sets hold what.
        split: of a hub's data set the files of this split alone.
        skip: a file that is no source, because verdicts are written to it.

    Raises:
        InvalidRequest: a path is not there, or holds no proof.
        ConfigurationError: a library that reads it is not installed.
    """
    for name in paths:
        if name == "-":
            yield as_proof({"id": "stdin", "code": sys.stdin.read()}, "stdin")
        elif name.startswith(HUB):
            folder, files = fetch(name, split)
            for file in files:
                yield from _read_rows(file, columns, str(file.relative_to(folder)))
        else:
            for file in _files(Path(name), skip):
                yield from _read_file(file, columns)


def _files(path: Path, skip: Path | None) -> list[Path]:
    if not path.exists():
        raise InvalidRequest(f"There is no {path}")
    if not path.is_dir():
        return [path]
    files = [file for suffix in _SUFFIXES for file in sorted(path.rglob(f"*{suffix}"))]
    return [file for file in files if not (skip and skip.exists() and file.samefile(skip))]


def _read_file(path: Path, columns: Columns) -> Iterator[Proof]:
    if path.suffix == ".parquet" or (path.suffix == ".jsonl" and columns.given):
        yield from _read_rows(path, columns, str(path))
    elif path.suffix == ".jsonl":
        for where, line in _lines(path, str(path)):
            yield as_proof(line, where)
    else:
        yield as_proof({"id": str(path)[-_ID_CHARS:], "code": _text(path)}, str(path))


def _read_rows(path: Path, columns: Columns, name: str) -> Iterator[Proof]:
    rows = read_parquet(path, columns.names, name) if path.suffix == ".parquet" else _lines(path, name)
    for where, row in rows:
        if not isinstance(row, dict):
            raise InvalidRequest(f"{where} is no row of a data set")
        yield as_proof(columns.pick(row, where), where)


def _lines(path: Path, name: str) -> Iterator[tuple[str, Any]]:
    # Not `splitlines`: U+2028 may stand unescaped in JSON.
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield f"{name}:{number}", json.loads(line)
            except json.JSONDecodeError as error:
                raise InvalidRequest(f"{name}:{number} is no proof: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8") from error


def as_proof(value: Any, where: str) -> Proof:
    """Return a proof from its fields.

    Raises:
        InvalidRequest: it is none; the text says where it stands.
    """
    try:
        return Proof.model_validate(value)
    except ValidationError as error:
        [first, *_] = error.errors()
        field = ".".join(map(str, first["loc"]))
        raise InvalidRequest(f"{where} is no proof: {field}: {first['msg']}") from error
