"""Starts, guards, asks and ends the REPL's process, by means of LeanInteract. Replies are in the farm's own types."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from lean_interact import Command, ProofStep
from pydantic import BaseModel, Field, ValidationError

from farm.metric_series import Bound, MetricSeries
from farm.models import Message, Position, Sorry
from farm.models.reports import Infotree
from farm.processes import end_descendants, tree_memory_mb
from farm.settings import Settings
from workers.lean.guarded_server import GuardedServer
from workers.lean.repl_config import Config
from workers.lean.repl_events import GuardTripped, ReplGone, ReplOutOfMemory, ReplTimeout, StartFailed
from workers.lean.repl_reply import Refused, Reply, Response, Tactic
from workers.lean.time_slices import Slice
from workers.metric_counts import Metrics

T = TypeVar("T")
_LAST_WORDS_CHARS = 400
# If a verdict depends on every error being in the reply, nothing may be elaborated asynchronously.
_IN_ORDER = [(["Elab", "async"], False)]
# The signals with which the kernel ends a process that exceeded a bound. If the process runs under bubblewrap, the exit
# status is 128 + the signal.
_SIGNALS = {signal.SIGSYS: Bound.SECCOMP, signal.SIGXFSZ: Bound.FILE_SIZE}
_BOUNDS = {status: bound for number, bound in _SIGNALS.items() for status in (-number, 128 + number)}
# The messages on stderr of a REPL that got no more memory: from Lean, C++, and the C library (also used by GMP).
_MEMORY_WORDS = ("INTERNAL PANIC: out of memory", "std::bad_alloc", "Cannot allocate memory")
# Lean's message if its own bound on memory is exceeded. The pattern has to match the whole message: a proof can print
# this text with `fail "…"`, but Lean then adds more text to it.
_MEMORY_ERROR = re.compile(
    r"(\(kernel\) )?excessive memory consumption detected( at '[^'\n]*'( \(potential solution: [^)\n]*\))?)?"
)


class _Tactic(BaseModel):
    pos: Position
    end_pos: Position = Field(alias="endPos")
    tactic: str
    goals: str


class _Said(BaseModel):
    """A reply to a command, in the form in which the REPL writes it; only the fields that the farm needs are read."""

    env: int
    messages: tuple[Message, ...] = ()
    sorries: tuple[Sorry, ...] = ()
    tactics: tuple[_Tactic, ...] = ()


class Repl:
    """One REPL process at a time, used only by the thread that built it: when that thread ends, so does the REPL."""

    def __init__(self, config: Config, settings: Settings, figures: Metrics) -> None:
        self._figures = figures
        self._cause = "first"
        self._server = GuardedServer(
            config,
            max_total_memory=settings.lean_max_total_memory,
            max_process_memory=settings.lean_max_process_memory,
            max_restart_attempts=settings.lean_max_restart_attempts,
        )

    @property
    def pid(self) -> int | None:
        """The REPL's process and session id; None while there is none."""
        return self._server.pid

    @property
    def generation(self) -> int:
        """The number of this REPL process, counted from 1."""
        return self._server.generation

    @property
    def reply(self) -> dict[str, Any] | None:
        """The last reply, unchanged."""
        return self._server.reply

    def is_alive(self) -> bool:
        """Whether there is a process."""
        return bool(self._server.is_alive())

    def memory_mb(self) -> float:
        """Return the resident memory of the process tree in MB."""
        return tree_memory_mb(self.pid) if self.pid else 0.0

    def start(self) -> float:
        """Start a process; return the seconds it took.

        Raises:
            StartFailed: the process cannot be started.
        """
        started = time.monotonic()
        try:
            self._server.start()
        except (OSError, ChildProcessError) as error:
            raise StartFailed(f"The REPL does not start: {error}") from error
        return time.monotonic() - started

    def count_start(self) -> None:
        """Count a start under the cause that ended the previous process, or under `first` if there was none."""
        self._figures.count(MetricSeries.REPL_STARTS, self._cause)
        self._cause = ""

    def blame(self, cause: str) -> None:
        """Record the true cause of the process's end; /metrics counts the next start under this cause."""
        self._cause = cause
        if cause == Bound.MEMORY:
            self._figures.count(MetricSeries.SANDBOX_DENIALS, Bound.MEMORY)

    def end(self, cause: str) -> None:
        """Kill the process and all that it started. If a cause is recorded for the next start already, it stays."""
        self._cause = self._cause or cause
        self._server.kill()
        # An exit status in `_BOUNDS` means that the kernel had ended the process before `kill` did, because the process
        # exceeded a bound. The status of a process that `kill` ends is not in `_BOUNDS`.
        if bound := _BOUNDS.get(self._server.take_status() or 0):
            self._figures.count(MetricSeries.SANDBOX_DENIALS, bound)
        end_descendants()

    def send(
        self,
        command: str,
        env: int | None,
        timeout_s: float,
        *,
        infotree: Infotree | None = None,
        lists_tactics: bool = False,
        in_order: bool = False,
    ) -> Response:
        """Run a command and return the answer.

        Args:
            command: the command's text.
            env: the environment to run it in; None is Lean's initial one.
            timeout_s: seconds the command may take.
            infotree: how much of Lean's info trees the REPL has to include in its reply.
            lists_tactics: whether the REPL has to list the command's tactics.
            in_order: whether every error has to be in the answer; nothing is then elaborated asynchronously.

        Raises:
            ReplEnded: the REPL is dead.
        """
        request: dict[str, Any] = {"cmd": command}
        if env is not None:
            request["env"] = env
        if infotree:
            request["infotree"] = infotree
        if lists_tactics:
            request["allTactics"] = True
        if in_order:
            request["setOptions"] = _IN_ORDER
        response = self._guarded(lambda: _as_response(self._server.ask(request, timeout_s)))
        if isinstance(response, Refused):
            if response.message.startswith("Unknown environment"):
                self.end("guard")
                raise ReplGone("The REPL does not know the header's environment")
        elif any(map(_MEMORY_ERROR.fullmatch, response.errors)):
            # The environments of earlier proofs take memory as well, so the next try gets an empty REPL.
            self.end(Bound.MEMORY)
            raise ReplOutOfMemory("Lean exceeded its own bound on memory")
        return response

    def give_slice(self, slice_: Slice | None) -> None:
        """Set the time slice of the next run; with None, the run has its full time."""
        self._server.slice = slice_

    def talk(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and return the reply unchanged; the request's fields have the REPL's own names.

        Raises:
            ReplEnded: the REPL is dead.
        """
        query = (ProofStep if "tactic" in request else Command).model_validate(request)
        self._guarded(lambda: self._server.run(query, timeout=timeout_s))
        return self._server.reply or {}

    def asking_token(self, env: int | None) -> AbstractContextManager[None]:
        """Within this context, ask the REPL to print the guard's token, a random text, as soon as a reply arrives."""
        return self._server.asking_token(env)

    def answers_token(self, env: int | None, timeout_s: float) -> bool:
        """Whether the REPL, asked to print the guard's token (a random text), prints this token and nothing else.

        Raises:
            ReplEnded: the REPL is dead.
        """
        return self._guarded(lambda: self._server.answers_token(env, timeout_s))

    def _guarded(self, talk: Callable[[], T]) -> T:
        """Call `talk`, which exchanges messages with the REPL's process, and return its result.

        If `talk` fails, the process is killed, and the error becomes one of the farm's own.
        """
        try:
            with self._server.pinned():
                return talk()
        except TimeoutError as error:
            self.end("deadline")
            raise ReplTimeout(str(error)) from error
        except MemoryError as error:  # raised by LeanInteract if the host has too little memory for a REPL
            raise ReplOutOfMemory(str(error)) from error
        except (OSError, ReplGone) as error:  # ConnectionError and ChildProcessError are OSErrors
            words = self._last_words()
            is_memory = any(text in words for text in _MEMORY_WORDS)
            self.end(Bound.MEMORY if is_memory else "died")
            if is_memory:
                raise ReplOutOfMemory(f"The REPL ran out of memory{words}") from error
            raise ReplGone(f"The REPL ended by itself{words}") from error
        except (ValidationError, RecursionError) as error:
            self.end("guard")
            raise GuardTripped("The reply does not have the shape of a reply") from error
        except GuardTripped:
            self.end("guard")
            raise

    def _last_words(self) -> str:
        """Return the end of stderr, where a stack overflow or an uncaught exception leaves a message."""
        words = " ".join(self._server.get_stdout_stderr()[1].split())[-_LAST_WORDS_CHARS:]
        return f"; its last output: {words}" if words else ""


def _as_response(said: dict[str, Any]) -> Response:
    if not said or set(said) == {"message"}:
        return Refused(str(said.get("message", "")))
    reply = _Said.model_validate(said)
    tactics = tuple(Tactic(each.pos, each.end_pos, each.tactic, each.goals) for each in reply.tactics)
    return Reply(reply.env, reply.messages, reply.sorries, tactics)
