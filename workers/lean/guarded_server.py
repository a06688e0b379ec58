"""The server class between LeanInteract and the REPL's pipes.

Stock LeanInteract reads lines in a thread, without a limit on their size. It never reads stderr, and takes any reply
for the right one. Proofs may be hostile. So here the size of a reply is limited, stderr is drained, every wait ends,
the pipe must be silent before a request, and a request must have exactly one reply.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import subprocess
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import orjson
from lean_interact import AutoLeanServer, Command, LeanServer
from lean_interact.interface import BaseREPLQuery

from farm.processes import end_session
from workers.lean.repl_events import GuardTripped, ReplGone
from workers.lean.time_slices import Slice

REPLY_LIMIT_BYTES = 16 << 20
_STDERR_TAIL_BYTES = 4096
_READ_BYTES = 1 << 16
_REAP_TIMEOUT_S = 5.0
_MEMORY_EVERY_S = 1.0
TOKEN_TIMEOUT_S = 10.0


class GuardedServer(AutoLeanServer):
    """An AutoLeanServer for hostile proofs.

    No proof can block or flood the REPL's pipes. If a proof brings replies and requests out of step, this is noticed.

    Attributes:
        generation: how many REPL processes there have been. Environment numbers of earlier processes are not valid.
        reply: the last reply, unchanged.
        slice: the time slice of the current run; None if the run has its full time in any case.
    """

    generation = 0
    reply: dict[str, Any] | None = None
    slice: Slice | None = None
    _pinned = False
    _stderr_tail = b""
    _memory_read = 0.0
    _token = ""
    _asks_in: dict[str, int] | None = None
    _status: int | None = None

    def start(self) -> None:
        """Start a REPL process with non-blocking pipes."""
        if self._pinned:
            raise ReplGone("The REPL is gone")
        self._stderr_tail = b""
        self._memory_read = 0.0
        super().start()
        self.generation += 1
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]

    @contextlib.contextmanager
    def pinned(self) -> Iterator[None]:
        """In this context, refuse AutoLeanServer's silent restarts: a new process knows none of the environments."""
        self._pinned = True
        try:
            yield
        finally:
            self._pinned = False

    def _augment_request(self, request: BaseREPLQuery) -> BaseREPLQuery:
        """Add the configured options, except those that the request sets itself."""
        augmented = super()._augment_request(request)
        own = getattr(request, "set_options", None)
        return augmented.model_copy(update={"set_options": own}) if own else augmented

    def _run_dict_backoff(
        self, request: dict[str, Any], verbose: bool, timeout: float | None, restart_counter: int = 0
    ) -> dict[str, Any]:
        """Send a request. AutoLeanServer would check the memory before each request; this class does so once a second.

        The check reads the whole host's use of memory (/proc/meminfo), which takes 0.1 to 0.2 ms; a proof may take
        1 ms.
        """
        now = time.monotonic()
        if now < self._memory_read + _MEMORY_EVERY_S:
            return LeanServer.run_dict(self, request, verbose, timeout)
        self._memory_read = now
        return super()._run_dict_backoff(request, verbose, timeout, restart_counter)

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a command and return its reply, like `run`, but without LeanInteract's models.

        Building and reading these models takes longer than a short proof.
        """
        return self._run_dict_backoff({**self._options, **request}, False, timeout_s)

    @cached_property
    def _options(self) -> dict[str, Any]:
        """The fields that the configuration adds to every command."""
        added = self._augment_request(Command(cmd="#"))
        return added.model_dump(exclude={"cmd"}, exclude_none=True, by_alias=True)

    @contextlib.contextmanager
    def asking_token(self, env: int | None) -> Iterator[None]:
        """Within this context, ask the REPL to print a random token after each reply.

        The token is asked for as soon as a reply has arrived, so that the REPL prints it while the farm parses the
        reply. `answers_token` then reads what the REPL prints.
        """
        self._asks_in = _place(env)
        try:
            yield
        finally:
            self._asks_in = None

    def answers_token(self, env: int | None, timeout_s: float) -> bool:
        """Whether this REPL, if it is asked to print a random token, prints this token and nothing else.

        Call this after an untrusted command, to learn whether the last reply was the command's own. If that reply was
        forged, the true reply is still in the pipe, and is read now instead of the token.

        Args:
            env: the environment in which the token is printed; no submission may have made it.
            timeout_s: seconds that the answer may take.

        Raises:
            GuardTripped, TimeoutError, OSError: as for any command.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock, self._translating():
            if not self._token:
                self._ask_token(_place(env), deadline)
            token, self._token = self._token, ""
            raw = self._receive(deadline).decode()
        match self._parse_repl_output(raw, False).get("messages"):
            case [{"data": str(said)}]:
                return said == token
        return False

    def _ask_token(self, where: dict[str, int], deadline: float) -> None:
        self._token = f"sync{secrets.token_hex(8)}"
        self._require_silence()
        self._send(orjson.dumps({"cmd": f'#print "{self._token}"', **where}) + b"\n\n", deadline)

    @property
    def pid(self) -> int | None:
        """The REPL's process and session id."""
        return self._proc.pid if self._proc else None

    @property
    def _process(self) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] | None = self._proc
        if process is None:
            raise ReplGone("The REPL is gone")
        return process

    def kill(self) -> None:
        """Kill the REPL's whole session, wait a few seconds at most until the REPL has ended, and close the pipes."""
        self._token = ""
        process, self._proc = getattr(self, "_proc", None), None
        if process is None:
            return
        end_session(process.pid)
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._status = process.wait(_REAP_TIMEOUT_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def take_status(self) -> int | None:
        """Return the `Popen.returncode` of the last REPL, and forget it; None if it is not known."""
        status, self._status = self._status, None
        return status

    def get_stdout_stderr(self) -> tuple[str, str]:
        """Return the last part of stderr. Stock LeanInteract would read both pipes to the end, which may never come."""
        return "", self._stderr_tail.decode(errors="replace")

    def _execute_cmd_in_repl(self, json_query: str, verbose: bool, timeout: float | None) -> str:
        if timeout is None:
            raise ValueError("A command without a timeout could run for ever")
        deadline = time.monotonic() + timeout
        with self._lock, self._translating():
            self._require_silence()
            self._send(json_query.encode() + b"\n\n", deadline)
            reply = self._receive(deadline)
            if self._asks_in is not None:
                self._ask_token(self._asks_in, time.monotonic() + TOKEN_TIMEOUT_S)
            return reply.decode()

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        """In this context, kill the REPL if it breaks the guard's rules; errors on its pipes become BrokenPipeError."""
        try:
            yield
        except (GuardTripped, UnicodeDecodeError) as error:
            self.kill()
            raise GuardTripped(str(error)) from error
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise BrokenPipeError(str(error)) from error
        except BaseException:
            # An exception from elsewhere ended a request. If the REPL lived on, its answer to this request would be
            # taken for the answer to the next one.
            self.kill()
            raise

    def _parse_repl_output(self, raw_output: str, verbose: bool) -> dict[str, Any]:
        """Parse a reply, keep it in `reply`, and return it without its info trees.

        orjson refuses a reply that is nested deeper than 1024; at such a depth the stock parser would overflow the
        stack. Info trees are left out, because LeanInteract's models refuse trees that are nested deeper than some 250.
        """
        self.reply = None
        try:
            reply = orjson.loads(raw_output)
        except orjson.JSONDecodeError as error:
            self.kill()
            raise GuardTripped(f"The reply is not JSON: {error}") from error
        if not isinstance(reply, dict):
            self.kill()
            raise GuardTripped("The reply is not a JSON object")
        self.reply = reply
        return {name: value for name, value in reply.items() if name != "infotree"}

    def _require_silence(self) -> None:
        stdout = self._process.stdout.fileno()  # type: ignore[union-attr]
        with contextlib.suppress(BlockingIOError):
            early = os.read(stdout, _READ_BYTES)
            if early.strip():
                raise GuardTripped("The REPL sent output that no request had asked for")

    def _send(self, request: bytes, deadline: float) -> None:
        stdin = self._process.stdin.fileno()  # type: ignore[union-attr]
        rest = memoryview(request)
        while rest:
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(stdin, rest) :]
            if rest:
                self._wait(select.POLLOUT, deadline)

    def _receive(self, deadline: float) -> bytes:
        """Return a reply, which ends at the first blank line. Bytes in the pipe at the deadline still count."""
        stdout, reply = self._process.stdout.fileno(), bytearray()  # type: ignore[union-attr]
        while True:
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(stdout, _READ_BYTES)
                if not chunk:
                    self._drain_stderr()
                    raise BrokenPipeError("The REPL closed its output")
                # A blank line before a reply is not a reply.
                reply += chunk if reply else chunk.lstrip()
                end = reply.find(b"\n\n", max(0, len(reply) - len(chunk) - 1))
                if end >= 0:
                    return _only_reply(reply, end)
                if len(reply) > REPLY_LIMIT_BYTES:
                    raise GuardTripped(f"The reply is larger than {REPLY_LIMIT_BYTES >> 20} MB")
                continue
            self._wait(select.POLLIN, deadline)

    def _wait(self, event: int, deadline: float) -> None:
        """Wait until the REPL's pipe is ready. Meanwhile drain stderr: if stderr were full, the REPL would stop.

        Raises:
            TimeoutError: the deadline passed first, or the run's slice ended and the run does not go on.
        """
        process = self._process
        pipe = process.stdin if event == select.POLLOUT else process.stdout
        poll = select.poll()
        poll.register(pipe, event)  # type: ignore[arg-type]
        poll.register(process.stderr, select.POLLIN)  # type: ignore[arg-type]
        while True:
            slice_ends_at = self.slice.ends_at if self.slice else deadline
            left_s = min(deadline, slice_ends_at) - time.monotonic()
            ready = poll.poll(max(0.0, left_s) * 1000)
            fds = {fd for fd, _ in ready}
            if process.stderr.fileno() in fds and not self._drain_stderr():  # type: ignore[union-attr]
                poll.unregister(process.stderr)  # type: ignore[arg-type]
            if pipe.fileno() in fds:  # type: ignore[union-attr]
                return
            if left_s <= 0 and not (self.slice and slice_ends_at < deadline and self.slice.end()):
                raise TimeoutError("The REPL did not answer in time")

    def _drain_stderr(self) -> bool:
        """Read what stderr holds, and keep the last part; return False at the end of stderr."""
        try:
            chunk = os.read(self._process.stderr.fileno(), _READ_BYTES)  # type: ignore[union-attr]
        except BlockingIOError:
            return True
        self._stderr_tail = (self._stderr_tail + chunk)[-_STDERR_TAIL_BYTES:]
        return bool(chunk)


def _place(env: int | None) -> dict[str, int]:
    """Return where a command runs, as fields of a request: an environment, or Lean's initial one."""
    return {} if env is None else {"env": env}


def _only_reply(reply: bytearray, end: int) -> bytes:
    if reply[end:].strip():
        raise GuardTripped("One request got two replies")
    return bytes(reply[:end])
