"""Verdicts as rows of a table, and Parquet files of such rows, which are written one group of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeAlias

from farm.client.manifest import Identity
from farm.errors import ConfigurationError
from farm.models import Verdict

Row: TypeAlias = dict[str, Any]
_GROUP_ROWS = 1000


def row_of(verdict: Verdict, identity: Identity) -> Row:
    """Return a verdict as a JSON-able row, together with the problem and the hash of its proof."""
    return {**verdict.dump(), "problem": identity.problem, "sha256": identity.sha256}


class ParquetRows:
    """Writes a Parquet file of rows that `row_of` has made. Each group of rows is written at once and then forgotten.

    Args:
        sink: the file to which the bytes are written in order. Nothing that has been written is read or changed later.
        has_batch: whether the rows also name their batch (`batch`, `label`, `tags`).

    Raises:
        ConfigurationError: `leanfarm[datasets]` is not installed.
    """

    def __init__(self, sink: IO[bytes], *, has_batch: bool) -> None:
        with datasets_extra():
            import pyarrow
            from pyarrow import parquet
        self._arrow = pyarrow
        self._schema = _schema(pyarrow, has_batch=has_batch)
        self._writer = parquet.ParquetWriter(sink, self._schema)

    def add(self, rows: list[Row]) -> None:
        """Write some rows as one row group of the file."""
        table = self._arrow.Table.from_pylist([_flat(row) for row in rows], schema=self._schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the end of the file. Without it the file cannot be read."""
        self._writer.close()


def parquet_writer(*, has_batch: bool = False) -> Callable[[Path, Iterable[Row]], int]:
    """Return a function that writes rows to a Parquet file and returns how many there were.

    Args:
        has_batch: whether the rows also name their batch.

    Raises:
        ConfigurationError: `leanfarm[datasets]` is not installed. This is raised before any row is made, because making
            the rows may take hours.
    """
    with datasets_extra():
        import pyarrow  # noqa: F401

    def write(path: Path, rows: Iterable[Row]) -> int:
        count, left = 0, iter(rows)
        with path.open("wb") as sink, closing(ParquetRows(sink, has_batch=has_batch)) as file:
            while group := list(islice(left, _GROUP_ROWS)):
                file.add(group)
                count += len(group)
        return count

    return write


def _schema(arrow: ModuleType, *, has_batch: bool) -> Any:
    text, whole, real = arrow.string(), arrow.int64(), arrow.float64()
    message = arrow.struct([("severity", text), ("line", whole), ("column", whole), ("data", text)])
    names = {"id": text, "index": whole, "problem": text, "sha256": text, "outcome": text, "level": text}
    names |= {"reason": text, "reward": real, "time_s": real, "queue_s": real, "attempts": whole}
    names |= {"cached": arrow.bool_(), "axioms": arrow.list_(text), "messages": arrow.list_(message)}
    names |= {"lean_version": text, "project": text, "policy": text}
    if has_batch:
        names |= {"batch": text, "label": text, "tags": arrow.list_(text)}
    return arrow.schema(list(names.items()))


def _flat(row: Row) -> Row:
    messages = [{"severity": each["severity"], "data": each["data"], **(each["pos"] or {})} for each in row["messages"]]
    origin = {"lean_version": row["environment"]["lean_version"], "project": row["environment"]["project"]}
    return {**row, "messages": messages, **origin, "policy": row["evidence"]["policy"]}


@contextmanager
def datasets_extra() -> Iterator[None]:
    """Turn a failed import inside the block into an error that says what to install.

    Raises:
        ConfigurationError: a library that the block imports is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"This needs {error.name}: `pip install 'leanfarm[datasets]'`") from error
