"""Two ways to talk to an installed scripted REPL (a script, not Lean): the real LeanInteract, or bare pipes."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from lean_interact import AutoLeanServer, LeanREPLConfig

from .install import Install


@contextmanager
def serving(where: Install, **config: Any) -> Iterator[AutoLeanServer]:
    """An AutoLeanServer on an installed scripted REPL; `config` goes to LeanREPLConfig."""
    built = LeanREPLConfig(local_repl_path=where.repl_dir, build_repl=False, lake_path=where.lake_path, **config)
    server = AutoLeanServer(built, max_total_memory=1.0)
    try:
        yield server
    finally:
        _finish(server)


def _finish(server: AutoLeanServer) -> None:
    """End the REPL by closing its input, if it still reads: kill() takes a second where process 1 reaps slowly."""
    process = server._proc
    if process is not None:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        server.kill()


class Pipes:
    """A scripted REPL process, without lake and LeanInteract; a context manager that kills the process at the end.

    Every read has a deadline and raises TimeoutError, so that a silent REPL fails a test and does not hang it.
    """

    def __init__(self, where: Install, deadline_s: float = 5.0) -> None:
        self.deadline_s = deadline_s
        program = where.repl_dir / ".lake" / "build" / "bin" / "repl"
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self._pending = b""

    def __enter__(self) -> Pipes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def send(self, request: dict[str, Any] | bytes) -> None:
        """Send a request, or bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n\n")
        self.process.stdin.flush()

    def receive(self, until: bytes = b"\n\n") -> bytes:
        """The bytes up to and including a mark; if the output ends first, all remaining bytes."""
        end = time.monotonic() + self.deadline_s
        while until not in self._pending:
            more = self.chunk(end - time.monotonic())
            if not more:
                rest, self._pending = self._pending, b""
                return rest
            self._pending += more
        head, mark, self._pending = self._pending.partition(until)
        return head + mark

    def chunk(self, within_s: float) -> bytes:
        """The next bytes, however many; none at the end of the output."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        if not select.select([descriptor], [], [], max(0.0, within_s))[0]:
            raise TimeoutError("the scripted REPL is silent")
        return os.read(descriptor, 65536)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        self.send(request)
        reply: dict[str, Any] = json.loads(self.receive())
        return reply
