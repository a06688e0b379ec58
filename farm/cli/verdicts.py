"""The output of `farm verify`: a file of JSON lines grows as proofs finish; Parquet or a table is written at the end.

A file of JSON lines can be continued: a repeated call does not send the proofs that have their verdict in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import EACCES, ENOSPC
from pathlib import Path
from typing import Any

from farm.client.manifest import Identity
from farm.client.rows import is_of_bad_row
from farm.client.series import Known
from farm.errors import InvalidRequest
from farm.models import POLICY_VERSION, Verdict
from farm.verdict_rows import Row, parquet_writer, row_of
from farm.whole_files import is_special, replacing, writing

COLUMNS = ("proof", "outcome", "reason", "time s", "runs", "message")
_MESSAGE_CHARS = 100
_SUFFIXES = (".jsonl", ".parquet", ".tsv")
_LINE_START = b'{"id": '


class Output:
    """The place to which a run's verdicts are written. This base class discards them.

    Attributes:
        known: verdicts on this run's proofs; they were in the output before the run began.
    """

    known: Known

    def __init__(self) -> None:
        self.known = {}

    def add(self, verdict: Verdict) -> None:
        """Take one verdict."""

    def close(self) -> None:
        """Finish the file; it then holds all verdicts that were added."""


def open_output(path: Path, identities: Sequence[Identity], asked: Row) -> Output:
    """Return the output that writes verdicts to a file. The file's suffix decides its form.

    Args:
        path: the file. A file of JSON lines is continued; a file of another form is replaced.
        identities: the identities of this run's proofs, in order.
        asked: the options on which a verdict depends. A proof that was verified with other options is sent again.

    Raises:
        InvalidRequest: the suffix is unknown, the file cannot be written, or a line in the file is not a verdict.
        ConfigurationError: a file of JSON lines cannot be written, or `leanfarm[datasets]` is needed but not installed.
    """
    if path.suffix not in _SUFFIXES or not path.parent.is_dir():
        raise InvalidRequest(f"--output needs a file in a folder that exists, ending in {', '.join(_SUFFIXES)}")
    if path.suffix == ".jsonl":
        return Lines(path, identities, asked)
    check_writable(path)
    return Whole(path, identities, parquet_writer() if path.suffix == ".parquet" else write_table)


def check_writable(path: Path) -> None:
    """Check that a file can be written, before a run that may take hours.

    Raises:
        InvalidRequest: the file cannot be written.
    """
    if is_special(path) and not path.is_dir():
        # A FIFO is opened only once: when it is closed, its reader takes that for the end.
        if not os.access(path, os.W_OK):
            raise InvalidRequest(f"{path} cannot be written: {os.strerror(EACCES)}")
        return
    target = Path(os.path.realpath(path))
    is_new = not target.exists()
    try:
        target.open("ab").close()
        if is_new:
            target.unlink()
        # The file is replaced at the end by one that is written beside it.
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(EACCES, f"{target.parent} is read-only")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error


class Lines(Output):
    """A file of JSON lines. When a proof finishes, the file gets a line: the verdict, the proof's hash, the options."""

    def __init__(self, path: Path, identities: Sequence[Identity], asked: Row) -> None:
        self._path = path
        self._identities = identities
        self._asked = asked
        super().__init__()
        if not is_special(path):
            self.known, kept = self._resume(path)
            with replacing(path) as draft:
                draft.write_bytes(b"".join(kept))
        # Without a buffer each line is one write, and no line is lost if this process is killed.
        with writing(path):
            self._file = path.open("ab", buffering=0)

    def add(self, verdict: Verdict) -> None:
        """Append a verdict as a line."""
        row = row_of(verdict, self._identities[verdict.index]) | {"asked": self._asked}
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        with writing(self._path):
            if self._file.write(line) != len(line):
                raise OSError(ENOSPC, os.strerror(ENOSPC))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _resume(self, path: Path) -> tuple[Known, list[bytes]]:
        """Read the file that is to be continued.

        Returns:
            The decided verdicts on this run's proofs that were made with the same options and by today's rules, except
            verdicts on bad rows; and the lines to keep: those of these verdicts and of proofs that are not in this run.
        """
        known: dict[tuple[str, str], Verdict] = {}
        kept: list[bytes] = []
        mine = {(each.id, each.sha256) for each in self._identities}
        names = {each.id for each in self._identities}
        for line, row, verdict in _read_lines(path):
            key = (verdict.id, row.get("sha256", ""))
            if row.get("asked") == self._asked and _may_be_kept(verdict) and key in mine and key not in known:
                known[key] = verdict
                kept.append(line)
            elif verdict.id not in names:
                kept.append(line)
        return known, kept


def _may_be_kept(verdict: Verdict) -> bool:
    """Whether a verdict decides its proof by this release's rules or newer ones; older rules may have been too lax.

    A bad row is read again, because the call may have been wrong, for example in the name of a column.
    """
    policy = verdict.evidence.policy
    is_by_todays_rules = policy.isdecimal() and int(policy) >= int(POLICY_VERSION)
    return verdict.reward is not None and is_by_todays_rules and not is_of_bad_row(verdict)


class Whole(Output):
    """A file that is written as a whole when the run ends, in the order of the proofs."""

    def __init__(self, path: Path, identities: Sequence[Identity], write: Callable[[Path, list[Row]], object]) -> None:
        super().__init__()
        self._path = path
        self._identities = identities
        self._write = write
        self._verdicts: list[Verdict] = []

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict until the file is written."""
        self._verdicts.append(verdict)

    def close(self) -> None:
        """Write the file."""
        ordered = sorted(self._verdicts, key=lambda verdict: verdict.index)
        with replacing(self._path) as draft:
            self._write(draft, [row_of(each, self._identities[each.index]) for each in ordered])


def rows_writer(path: Path, *, is_parquet: bool) -> Callable[[Iterable[Row]], int]:
    """Return a function that writes a batch's rows to a file and returns their number.

    The file appears, or replaces an older file, only when all rows are written.

    Raises:
        InvalidRequest: the file cannot be written.
        ConfigurationError: `leanfarm[datasets]` is needed but not installed.
    """
    check_writable(path)
    write_parquet = parquet_writer(has_batch=True) if is_parquet else None

    def write(rows: Iterable[Row]) -> int:
        with replacing(path) as draft:
            return (write_parquet or _write_lines)(draft, rows)

    return write


def _write_lines(path: Path, rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_table(path: Path, rows: list[Row]) -> None:
    """Write rows as tab-separated lines under a header line."""
    cells = [COLUMNS, *(table_row(Verdict.model_validate(row)) for row in rows)]
    lines = ("\t".join(" ".join(str(cell).split()) for cell in row) + "\n" for row in cells)
    path.write_text("".join(lines), encoding="utf-8")


def table_row(verdict: Verdict) -> tuple[Any, ...]:
    """Return a verdict as a line of a table, in the order of `COLUMNS`."""
    reason = verdict.reason.value if verdict.reason else ""
    head = (verdict.id, verdict.outcome.value, reason)
    return (*head, f"{verdict.time_s:.2f}", verdict.attempts, _first_message(verdict))


def _first_message(verdict: Verdict) -> str:
    """Return the message that explains the outcome, shortened: the first error, else the first message."""
    messages = sorted(verdict.messages, key=lambda message: message.severity != "error")
    if not messages:
        return ""
    first = messages[0]
    where = f"{first.pos.line}:{first.pos.column} " if first.pos else ""
    text = " ".join(first.data.split())
    return where + (text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…")


def _read_lines(path: Path) -> Iterator[tuple[bytes, Row, Verdict]]:
    """Yield each line, its row and its verdict; leave out a last line that a killed process has not finished."""
    *lines, torn = path.read_bytes().split(b"\n") if path.exists() else [b""]
    if not torn.startswith(_LINE_START[: len(torn)]):
        lines.append(torn)
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            yield line + b"\n", row, Verdict.model_validate(row)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"{path}:{number} is not a verdict: --output continues only its own files") from error
