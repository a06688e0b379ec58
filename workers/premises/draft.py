"""A matrix that is being written: appended rows survive failures, and the file gets its name once it is complete."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy


class Draft:
    """A `.npy` file whose header already gives the final number of rows. Only one process at a time can hold it.

    Attributes:
        rows: how many rows have been written.
        shape: the shape of a row, `(d,)`; empty before the first row.
    """

    def __init__(self, path: Path, total: int, file: BinaryIO) -> None:
        self._path = path
        self._total = total
        self._file = file
        self.shape: tuple[int, ...] = ()
        self.rows = self._resume()

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, total: int) -> Iterator[Self]:
        """Open the draft of a matrix of `total` rows that will be at `path`; wait while another process has it open."""
        scratch = path.with_name(f".{path.name}.draft")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(scratch) as file:
            draft = cls(path, total, file)
            try:
                yield draft
            finally:
                if not draft.rows:
                    scratch.unlink(missing_ok=True)

    @property
    def scratch(self) -> Path:
        """The path of the file that holds the rows until the matrix is complete."""
        return Path(self._file.name)

    def append(self, rows: npt.NDArray[np.float32]) -> None:
        """Add rows, float32 `[r, d]`, and flush them to the disk, so that a power cut leaves no zeros among them."""
        if not self.shape:
            self.shape = rows.shape[1:]
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._total, *self.shape)}
            npy.write_array_header_1_0(self._file, header)
        self._file.write(rows.astype("<f4", copy=False).tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows += len(rows)

    def finish(self) -> None:
        """Put the complete matrix in its place."""
        self.scratch.replace(self._path)

    def _resume(self) -> int:
        """Return how many whole rows an earlier try left. If the draft cannot be read, empty it and return 0."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        with contextlib.suppress(ValueError):
            npy.read_magic(self._file)
            (total, *shape), *_ = npy.read_array_header_1_0(self._file)
            start, row_bytes = self._file.tell(), 4 * int(np.prod(shape))
            if total == self._total and row_bytes:
                rows = (size - start) // row_bytes
                self.shape = tuple(shape)
                self._file.truncate(start + rows * row_bytes)
                self._file.seek(0, os.SEEK_END)
                return int(rows)
        self._file.truncate(0)
        self._file.seek(0)
        return 0


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have renamed or removed the file while this one waited for the lock.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return
