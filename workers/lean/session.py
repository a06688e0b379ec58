"""One AutoLeanServer of one process: headers kept warm, and every proof started from its header's environment."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import uuid4

from lean_interact import Command, LeanREPLConfig, LocalProject, ProofStep
from lean_interact.interface import CommandResponse, InfoTreeOptions, LeanError
from pydantic import ValidationError

from farm.errors import LeanNotFound
from farm.metrics import Bound, MetricSeries
from farm.models.reports import Infotree
from farm.processes import end_descendants, tree_memory_mb
from farm.settings import Settings
from workers.lean.binding.answers import first_error
from workers.lean.binding.binder import Binder, commands, new_prefix
from workers.lean.guard import TOKEN_TIMEOUT_S, GuardedServer, GuardTripped, ReplGone
from workers.metrics import Metrics

T = TypeVar("T")
Config = LeanREPLConfig
# The REPL never frees an environment, so a process that saw many headers or statements starts anew.
_MAX_HEADERS = 16
_MAX_STATEMENTS = 256
_LAST_WORDS_CHARS = 400
_SHOWN_CHARS = 100
# The REPL says nothing about an import that failed; what follows then knows not even the natural numbers.
_PROBE = "example : 1 = 1 := rfl"
# Where a verdict depends on all errors being in the reply, nothing may be elaborated behind its back.
_IN_ORDER: Any = [(["Elab", "async"], False)]
# How the kernel ends a process that went beyond a bound; bubblewrap, where it stands around, reports 128 + the signal.
_SIGNALS = {signal.SIGSYS: Bound.SECCOMP, signal.SIGXFSZ: Bound.FILE_SIZE}
_BOUNDS = {status: bound for number, bound in _SIGNALS.items() for status in (-number, 128 + number)}
# The last words on stderr of a REPL that got no more memory: Lean's own, C++'s, and the C library's (GMP says it too).
_MEMORY_WORDS = ("INTERNAL PANIC: out of memory", "std::bad_alloc", "Cannot allocate memory")
# Lean's own bound on memory, as a whole message: `fail "…"` prints more than its text.
_MEMORY_ERROR = re.compile(
    r"(\(kernel\) )?excessive memory consumption detected( at '[^'\n]*'( \(potential solution: [^)\n]*\))?)?"
)
_PRELUDE = re.compile(r"^\s*prelude\b", re.MULTILINE)


class HeaderFailed(Exception):
    """The header itself has errors.

    Attributes:
        response: LeanInteract's response or LeanError.
        is_silent: whether Lean only showed it when something was run on the header.
    """

    def __init__(self, response: CommandResponse | LeanError, *, is_silent: bool = False) -> None:
        super().__init__("The header has errors")
        self.response = response
        self.is_silent = is_silent

    @property
    def text(self) -> str:
        """The first error, in Lean's words where it has any."""
        if self.is_silent:
            return "The header did not load: it imports a module that is not there, or one that is broken"
        errors = [] if isinstance(self.response, LeanError) else self.response.get_errors()
        return errors[0].data if errors else str(getattr(self.response, "message", self))


class StartFailed(Exception):
    """The REPL cannot be started: trouble of this host, and no proof's fault."""


@dataclass(frozen=True, slots=True)
class Header:
    """A loaded header.

    Attributes:
        env: an environment of this REPL process that holds the header and nothing else.
        start: where its proofs start: `env`, or None, Lean's own start, for an empty header.
        response: what Lean said while loading it.
        binder: the farm's own commands on it; why there are none; None where nobody asked for them.
    """

    env: int
    start: int | None
    response: CommandResponse
    binder: Binder | str | None = None


def configure(settings: Settings, lake: str) -> Config:
    """Return LeanInteract's configuration; without `LEAN_REPL_DIR` it fetches and builds a REPL first.

    Raises:
        LeanNotFound: `LEAN_REPL_DIR` holds no built REPL.
    """
    project = settings.lean_project_dir
    repl_dir = settings.lean_repl_dir.absolute() if settings.lean_repl_dir else None
    if repl_dir and not os.access(repl_dir / ".lake/build/bin/repl", os.X_OK):
        raise LeanNotFound(f"LEAN_REPL_DIR has no built REPL: {repl_dir}/.lake/build/bin/repl cannot be run")
    # LeanInteract scans the process tree before each command when it knows a hard limit (1.5 ms): only on request.
    hard_limit_mb = settings.address_space_mb if settings.lean_max_process_memory else None
    return LeanREPLConfig(
        lean_version=None if project else settings.lean_version or None,
        project=LocalProject(directory=project.absolute(), auto_build=False, lake_path=lake) if project else None,
        local_repl_path=repl_dir,
        build_repl=repl_dir is None,
        cache_dir=settings.data_dir.absolute() / "lean",
        lake_path=lake,
        memory_hard_limit_mb=hard_limit_mb,
        enable_incremental_optimization=settings.lean_incremental,
        enable_parallel_elaboration=settings.lean_parallel,
    )


@dataclass(slots=True)
class Exchange:
    """The last proof's talk with the REPL, for who has to report it.

    Attributes:
        header: the header it ran on; None while it has not come to the body.
        reply: what the REPL said to the body, as it came; None without a reply.
        repl: names the REPL process.
    """

    header: Header | None = None
    reply: dict[str, Any] | None = None
    repl: str = ""


class Session:
    """Owns the REPL of this process. Used by one thread, the one that built it: its end would end the REPL.

    Attributes:
        infotree: how much of Lean's info trees the replies to bodies are to hold.
        lists_tactics: whether the replies to bodies are to list their tactics.
        exchange: what was said at the last proof.
    """

    def __init__(self, config: Config, settings: Settings, figures: Metrics | None = None) -> None:
        self._settings = settings
        self._figures = figures or Metrics()
        self._cause = "first"
        self._loading_s = 0.0
        self._headers: dict[str, Header] = {}
        self._generation = 0
        self._domain = ""
        self._name = ""
        self._warm_header = ""
        self._ran = 0
        self._can_sync = False
        self._start_s = 0.0
        self._load_s = 0.0
        self.infotree: Infotree | None = None
        self.lists_tactics = False
        self.exchange = Exchange()
        self._server = GuardedServer(
            config,
            max_total_memory=settings.lean_max_total_memory,
            max_process_memory=settings.lean_max_process_memory,
            max_restart_attempts=settings.lean_max_restart_attempts,
        )

    @property
    def warm_header(self) -> str:
        """The header loaded last, on one line; empty before any. Other threads may ask."""
        return self._warm_header

    @property
    def can_sync(self) -> bool:
        """Whether this REPL answers the guard's token after each proof."""
        return self._can_sync

    @property
    def load_s(self) -> float:
        """Seconds the last start of the REPL and the last load of a header took together."""
        return self._start_s + self._load_s

    @property
    def loading_s(self) -> float:
        """Seconds that all starts of a REPL and loads of headers took so far."""
        return self._loading_s

    @property
    def pid(self) -> int | None:
        """The REPL's process and session id; None while there is none."""
        return self._server.pid

    @property
    def generation(self) -> int:
        """Which REPL process this is, from 1: numbers of environments and proof states are good in theirs alone."""
        return self._server.generation

    @property
    def restarts(self) -> int:
        """How often the REPL was started again."""
        return max(0, self._server.generation - 1)

    @property
    def ran(self) -> int:
        """How many proofs this REPL process has run."""
        return self._ran

    def enter(self, domain: str) -> None:
        """Serve a trust domain: a REPL that ran another one's code is killed first."""
        if self._domain not in ("", domain):
            self.end("domain")
        self._domain = domain

    def ensure_alive(self) -> None:
        """Have a REPL process that can take the next proof.

        Raises:
            StartFailed: it cannot be started.
        """
        is_alive = self._server.is_alive()
        if not is_alive or self._is_full():
            self.end("headers" if is_alive else "died")
            started = time.monotonic()
            try:
                self._server.start()
            except (OSError, ChildProcessError) as error:
                raise StartFailed(f"The REPL does not start: {error}") from error
            self._start_s = time.monotonic() - started
            self._loading_s += self._start_s
        # The first one was started by LeanInteract's constructor.
        if self._generation != self._server.generation:
            self._figures.count(MetricSeries.REPL_STARTS, self._cause)
            self._cause = ""
            self._generation = self._server.generation
            self._headers.clear()
            self._ran = 0
            self._name = str(uuid4())
        self.exchange = Exchange(repl=self._name)

    def _is_full(self) -> bool:
        binders = [header.binder for header in self._headers.values() if isinstance(header.binder, Binder)]
        statements = sum(len(binder.statements) for binder in binders)
        return len(self._headers) >= _MAX_HEADERS or statements >= _MAX_STATEMENTS

    def load(self, header: str, *, is_checked: bool = False) -> Header:
        """Return the loaded header, loading it if this REPL process has not; for an empty one Lean's own start.

        Comes after `ensure_alive`.

        Args:
            header: its text.
            is_checked: whether the farm's own commands are to be known on it.

        Raises:
            HeaderFailed: the header has errors; it is not kept.
            TimeoutError: it took longer than `LEAN_HEADER_TIMEOUT_S`; the REPL is dead.
            MemoryError: it took more memory than the REPL could get; the REPL is dead.
            ReplGone, GuardTripped: the REPL died or lied; it is dead.
        """
        if header not in self._headers:
            started = time.monotonic()
            self._headers[header] = self._load(header)
            self._load_s = time.monotonic() - started
            self._loading_s += self._load_s
            self._figures.observe(MetricSeries.HEADER_LOAD, self._load_s)
            self._warm_header = " ".join(header.split())[:_SHOWN_CHARS]
        else:
            self._figures.count(MetricSeries.HEADER_HITS)
        if is_checked and self._headers[header].binder is None:
            self._headers[header] = replace(self._headers[header], binder=self._bind(header))
        return self._headers[header]

    def _bind(self, header: str) -> Binder | str:
        """Return the farm's commands on a loaded header, which gets `import Lean` where it has it not."""
        if isinstance(found := self._define_commands(self._headers[header].env), Binder):
            return found
        with_lean: Any = self._send(
            Command(cmd=f"{header}\nimport Lean".lstrip()), self._settings.lean_header_timeout_s
        )
        return first_error(with_lean) or self._define_commands(with_lean.env)

    def _define_commands(self, env: int) -> Binder | str:
        prefix = new_prefix()
        for command in commands(prefix):
            response: Any = self.ask(command, env, self._settings.lean_header_timeout_s)
            if error := first_error(response):
                return error
            env = response.env
        return Binder(env, prefix)

    @contextmanager
    def running(
        self, header: Header, body: str, timeout_s: float, *, start: int | None = None
    ) -> Iterator[CommandResponse | LeanError]:
        """Run a body on a loaded header's environment and yield the response; make sure, then, that it was its own.

        The token is under way while the block runs: what the block makes of the response counts once it was left.

        Args:
            header: the loaded header.
            body: any text.
            timeout_s: seconds it may take.
            start: an environment made from the header's by commands of the farm; the header's own when absent.

        Raises:
            TimeoutError: it took longer than `timeout_s`; the REPL is dead.
            MemoryError: it took more memory than the REPL could get; the REPL is dead.
            ReplGone, GuardTripped: the REPL died or lied; it is dead.
        """
        self._ran += 1
        # LeanInteract refuses an empty command; a file of imports alone has an empty body.
        self.exchange.header = header
        infotree = InfoTreeOptions(self.infotree) if self.infotree else None
        env, options = (header.start, None) if start is None else (start, _IN_ORDER)
        tactics = self.lists_tactics or None
        command = Command(cmd=body or "\n", env=env, infotree=infotree, all_tactics=tactics, setOptions=options)
        with self._server.asking_token(header.env) if self._can_sync else nullcontext():
            response = self._send(command, timeout_s)
        self.exchange.reply = self._server.reply
        try:
            yield response
        except BaseException:
            # The token's answer would be taken for the next reply.
            self.end("guard")
            raise
        self.require_token(header)

    def run(
        self, header: Header, body: str, timeout_s: float, *, start: int | None = None
    ) -> CommandResponse | LeanError:
        """Return the response to a body, known to be its own; as `running`."""
        with self.running(header, body, timeout_s, start=start) as response:
            return response

    def talk(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a command or proof step with the REPL's own names, and return the reply as it came.

        Raises:
            TimeoutError, MemoryError, ReplGone, GuardTripped: as `run`; nothing makes sure that the reply was its own.
        """
        query = (ProofStep if "tactic" in request else Command).model_validate(request)
        self._guarded(lambda: self._server.run(query, timeout=timeout_s))
        return self._server.reply or {}

    def ask(self, command: str, env: int | None, timeout_s: float) -> CommandResponse | LeanError:
        """Run a command whose every error has to be in its reply; raises as `run` does."""
        return self._send(Command(cmd=command, env=env, setOptions=_IN_ORDER), timeout_s)

    def require_token(self, header: Header) -> None:
        """Make sure that what the REPL said last was its answer to what it was asked last.

        Raises:
            MemoryError, ReplGone, GuardTripped: it was not, or the REPL died; it is dead.
        """
        if self._can_sync and not self._guarded(lambda: self._server.answers_token(header.env, TOKEN_TIMEOUT_S)):
            self.end("guard")
            raise GuardTripped("The REPL did not answer the guard's token after this proof")

    def works(self, timeout_s: float) -> bool:
        """Whether this REPL accepts what is true; raises as `run` does."""
        response = self.run(self.load(""), "example : True := trivial", timeout_s)
        return not isinstance(response, LeanError) and response.lean_code_is_valid(allow_sorry=False)

    def memory_mb(self) -> float:
        """Return the resident memory of the REPL's process tree in MB."""
        return tree_memory_mb(self.pid) if self.pid else 0.0

    def blame(self, cause: str) -> None:
        """Say why the REPL really ended; /metrics counts the start of the next one under it."""
        self._cause = cause
        if cause == Bound.MEMORY:
            self._figures.count(MetricSeries.SANDBOX_DENIALS, Bound.MEMORY)

    def end(self, cause: str = "fresh") -> None:
        """Kill the REPL and all it started; the next load starts a new one, of which the first cause is remembered."""
        self._cause = self._cause or cause
        self._server.kill()
        # It may have ended before: only then the status is its own.
        if bound := _BOUNDS.get(self._server.take_status() or 0):
            self._figures.count(MetricSeries.SANDBOX_DENIALS, bound)
        end_descendants()

    def _load(self, header: str) -> Header:
        timeout_s = self._settings.lean_header_timeout_s
        response = self._send(Command(cmd=header or _PROBE), timeout_s)
        if isinstance(response, LeanError) or response.has_errors():
            raise HeaderFailed(response)
        if header and not _PRELUDE.search(header):
            probe = self._send(Command(cmd=_PROBE, env=response.env), timeout_s)
            if isinstance(probe, LeanError) or probe.has_errors():
                raise HeaderFailed(probe, is_silent=True)
        if self._ran == 0:
            # Asked before anything untrusted ran: a REPL that does not know `#print` is not a liar.
            self._can_sync = self._guarded(lambda: self._server.answers_token(response.env, timeout_s))
        return Header(response.env, response.env if header else None, response)

    def _send(self, command: Command, timeout_s: float) -> CommandResponse | LeanError:
        response: CommandResponse | LeanError = self._guarded(lambda: self._server.run(command, timeout=timeout_s))
        if isinstance(response, LeanError) and response.message.startswith("Unknown environment"):
            self.end("guard")
            raise ReplGone("The REPL does not know the header's environment")
        if not isinstance(response, LeanError) and any(_MEMORY_ERROR.fullmatch(e.data) for e in response.get_errors()):
            # Earlier proofs' environments count as well: the next try has an empty REPL.
            self.end(Bound.MEMORY)
            raise MemoryError("Lean found its own bound on memory exceeded")
        return response

    def _guarded(self, talk: Callable[[], T]) -> T:
        """Talk to the REPL; after whatever goes wrong it is dead, and the error is one of ours."""
        try:
            with self._server.pinned():
                return talk()
        except TimeoutError:
            self.end("deadline")
            raise
        except (OSError, ReplGone) as error:  # ConnectionError and ChildProcessError are OSErrors
            words = self._last_words()
            is_memory = any(text in words for text in _MEMORY_WORDS)
            self.end(Bound.MEMORY if is_memory else "died")
            if is_memory:
                raise MemoryError(f"The REPL ran out of memory{words}") from error
            raise ReplGone(f"The REPL ended by itself{words}") from error
        except (ValidationError, RecursionError) as error:
            self.end("guard")
            raise GuardTripped("The reply does not have the shape of a reply") from error
        except GuardTripped:
            self.end("guard")
            raise

    def _last_words(self) -> str:
        """The end of stderr: what a stack overflow or an uncaught exception left there."""
        words = " ".join(self._server.get_stdout_stderr()[1].split())[-_LAST_WORDS_CHARS:]
        return f"; its last words: {words}" if words else ""
