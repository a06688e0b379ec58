"""Reads the proofs for `farm verify` from their sources: Lean files, folders, stdin, lines of JSON, data sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from farm.cli.datasets import HUB, fetch
from farm.cli.output import read_stdin
from farm.cli.rows import Columns, Row, as_row, id_of_place, parse_rows, read_rows
from farm.cli.texts import decode, read_file, unpack
from farm.client.rows import BadRow
from farm.errors import InvalidRequest

_SUFFIXES = (".lean", ".jsonl", ".json", ".csv", ".parquet")
# The files to read from a folder, in this order. JSON and CSV files in a folder mostly hold something else.
_WALKED = ((".lean", ".lean.gz"), (".jsonl", ".jsonl.gz"), (".parquet",))
_LAKEFILE = "lakefile.lean"


def read(paths: Iterable[str], columns: Columns, split: str | None, skip: Path | None) -> Iterator[tuple[str, Row]]:
    """Yield a pair for each proof or bad row in the sources that a user names: its place, and the proof or bad row.

    Args:
        paths: the sources: files, folders, `-` for stdin, `hf://datasets/OWNER/NAME[@REVISION][/PATH]`.
        columns: which column of a data set holds which field.
        split: the split to read of a data set on the hub; None for all files.
        skip: a file to skip in folders, because verdicts are written to it.

    Raises:
        InvalidRequest: a path does not exist or cannot be read, or `split` is given but no path is on the hub.
        ConfigurationError: the library that reads a path's files is not installed.
    """
    paths = list(paths)
    if split and not any(name.startswith(HUB) for name in paths):
        raise InvalidRequest(f"--split names a part of a data set on the hub, and no path begins with {HUB}")
    for name in paths:
        if name == "-":
            yield from _parse(unpack(read_stdin(), "stdin"), columns, "stdin")
        elif name.startswith(HUB):
            folder, files = fetch(name, split)
            for file in files:
                yield from read_rows(file, file.suffix, columns, str(file.relative_to(folder)), of_data_set=True)
        else:
            for file in _files(Path(name), skip):
                yield from _read_file(file, columns)


def _files(path: Path, skip: Path | None) -> list[Path]:
    if not path.exists():
        raise InvalidRequest(f"There is no {path}" + (": the link leads to nothing" if path.is_symlink() else ""))
    if not path.is_dir():
        return [path]
    # `Path.resolve` raises an error for a link that leads to itself.
    output = os.path.realpath(skip) if skip else None
    files = sorted(file for file in _walk(path) if os.path.realpath(file) != output)
    return [file for suffixes in _WALKED for file in files if file.name.endswith(suffixes)]


def _walk(path: Path) -> Iterator[Path]:
    """Yield the files below a folder, except hidden ones (`.lake` holds the dependencies) and Lake's configuration."""
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith(".") and name != _LAKEFILE)


def _refuse(error: OSError) -> None:
    raise InvalidRequest(f"{error.filename} cannot be read: {error.strerror}") from error


def _read_file(path: Path, columns: Columns) -> Iterator[tuple[str, Row]]:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix == ".lean":
        yield _whole(read_file(path), str(path))
    elif suffix in _SUFFIXES:
        yield from read_rows(path, suffix, columns, str(path))
    elif not suffix:
        yield from _parse(read_file(path), columns, str(path))
    else:
        raise InvalidRequest(f"{path}: only {', '.join(_SUFFIXES)} files are read, plain or compressed as .gz")


def _parse(content: bytes, columns: Columns, name: str) -> Iterator[tuple[str, Row]]:
    """Yield the proofs in stdin or in a file without a suffix: JSON if the content begins like JSON, and else Lean."""
    if decode(content, name, errors="replace").lstrip()[:1] in ("{", "["):
        yield from parse_rows(content, ".json", columns, name)
    else:
        yield _whole(content, name)


def _whole(content: bytes, name: str) -> tuple[str, Row]:
    try:
        return name, as_row({"id": id_of_place(name), "code": decode(content, name)}, name)
    except InvalidRequest as error:
        return name, BadRow(id_of_place(name), error.message)
