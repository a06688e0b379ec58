"""Runs a checker's commands. Each has a session of its own, which is killed afterwards; time and output are limited."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO

from farm.processes import end_session
from workers.lean.repl_watch import GivenUp

_LOOK_EVERY_S = 0.2
_READ_BYTES = 1 << 16


class CheckerFailed(Exception):
    """The checker gave no answer: it crashed, hung, printed too much, or printed something that is not an answer."""


class Confined:
    """Runs commands under a program that confines them.

    Args:
        start: the program that confines a command, such as the launcher of a sandbox; it is put before each command.
        stopped: says whether this process has to stop; it is called now and then.
    """

    def __init__(self, start: Sequence[str], stopped: Callable[[], bool] = lambda: False) -> None:
        self._start = start
        self._stopped = stopped

    def run(
        self, command: Sequence[str], deadline: float, sink: BinaryIO, limit_bytes: int, request: bytes = b""
    ) -> int:
        """Run a command in an empty folder, write what it prints into `sink`, and return its exit status.

        Args:
            command: the command.
            deadline: the time by which the command must have ended, on the monotonic clock.
            sink: where the output goes; standard error is discarded.
            limit_bytes: the most bytes that the command may print.
            request: the command's standard input.

        Raises:
            CheckerFailed: the command does not start, does not end in time, or prints too much.
            GivenUp: this process has to stop.
        """
        with tempfile.TemporaryDirectory(prefix="leanfarm-checker-") as folder, tempfile.TemporaryFile() as stdin:
            stdin.write(request)
            stdin.seek(0)
            try:
                process = subprocess.Popen(
                    [*self._start, *command],
                    cwd=folder,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise CheckerFailed(f"It does not start: {error.strerror}") from error
            try:
                return self._read_all(process, deadline, sink, limit_bytes)
            finally:
                end_session(process.pid)
                process.kill()
                process.wait()
                process.stdout.close()  # type: ignore[union-attr]

    def _read_all(self, process: subprocess.Popen[bytes], deadline: float, sink: BinaryIO, limit_bytes: int) -> int:
        output, read = process.stdout.fileno(), 0  # type: ignore[union-attr]
        while True:
            left_s = deadline - time.monotonic()
            if self._stopped():
                raise GivenUp("This process has to stop, and the checker has not answered yet")
            if left_s <= 0:
                raise CheckerFailed("It did not answer in time (CHECKER_TIMEOUT_S)")
            if not select.select([output], [], [], min(left_s, _LOOK_EVERY_S))[0]:
                # A child may keep the pipe open, but the command's own output is complete once the command has ended.
                if process.poll() is not None:
                    break
                continue
            chunk = os.read(output, _READ_BYTES)
            if not chunk:
                break
            read += len(chunk)
            if read > limit_bytes:
                raise CheckerFailed(f"The checker wrote more than {limit_bytes >> 10} kB")
            sink.write(chunk)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(max(0.0, deadline - time.monotonic()))
        raise CheckerFailed("It closed its output and did not end (CHECKER_TIMEOUT_S)")
