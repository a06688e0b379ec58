"""The session of one process with its REPL: loaded headers are kept, and each proof starts from its header."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from farm.metric_series import MetricSeries
from farm.models.reports import Infotree
from farm.settings import Settings
from workers.lean.binding.binder import Binder, commands, new_prefix
from workers.lean.guarded_server import TOKEN_TIMEOUT_S
from workers.lean.repl import Repl
from workers.lean.repl_config import Config
from workers.lean.repl_events import GuardTripped, HeaderFailed
from workers.lean.repl_reply import Refused, Reply, Response
from workers.lean.time_slices import Slice
from workers.metric_counts import Metrics

# The REPL never frees an environment, so it is replaced after this many headers or statements.
_MAX_HEADERS = 16
_MAX_STATEMENTS = 256
_SHOWN_CHARS = 100
# The REPL does not report an import that failed. But after such an import nothing works, not even this probe.
_PROBE = "example : 1 = 1 := rfl"
_PRELUDE = re.compile(r"^[^\S\n]*prelude\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Header:
    """A loaded header.

    Attributes:
        env: an environment of this REPL process that holds the header and nothing else.
        start: the environment where proofs start: `env`, or None (Lean's initial environment) if the header is empty.
        response: what Lean said while loading the header.
        binder: the farm's own commands, ready to run in the header's environment, or the error that stopped them from
            loading; None if they were not needed.
    """

    env: int
    start: int | None
    response: Reply
    binder: Binder | str | None = None


@dataclass(slots=True)
class Exchange:
    """The last proof's exchange with the REPL, from which reports are made.

    Attributes:
        header: the header that the body ran on; None until the body runs.
        reply: the REPL's reply to the body, unchanged; None if there was none.
        repl: a name for the REPL process.
    """

    header: Header | None = None
    reply: dict[str, Any] | None = None
    repl: str = ""


class Session:
    """Owns the REPL of this process. Only the thread that built the session may use it; the REPL ends with that thread.

    Attributes:
        infotree: how much of Lean's info trees the REPL has to include in its replies to bodies.
        lists_tactics: whether the REPL has to list the tactics of a body in its reply.
        exchange: the last proof's exchange with the REPL.
    """

    def __init__(self, config: Config, settings: Settings, figures: Metrics | None = None) -> None:
        self._settings = settings
        self._figures = figures or Metrics()
        self._loading_s = 0.0
        self._headers: dict[str, Header] = {}
        self._generation = 0
        self._domain = ""
        self._name = ""
        self._warm_header = ""
        self._ran = 0
        # The headers that this REPL process has begun to load; those that failed fill its memory too.
        self._begun: set[str] = set()
        self._can_sync = False
        self._start_s = 0.0
        self._load_s = 0.0
        self.infotree: Infotree | None = None
        self.lists_tactics = False
        self.exchange = Exchange()
        self._repl = Repl(config, settings, self._figures)

    @property
    def warm_header(self) -> str:
        """The header loaded last, on one line; empty if none was loaded. Any thread may read this."""
        return self._warm_header

    @property
    def can_sync(self) -> bool:
        """Whether this REPL answers the guard's token, a random text that it is asked to print after each proof."""
        return self._can_sync

    @property
    def load_s(self) -> float:
        """Seconds that the last start of the REPL and the last load of a header took together."""
        return self._start_s + self._load_s

    @property
    def loading_s(self) -> float:
        """Seconds that all starts of a REPL and loads of headers have taken so far."""
        return self._loading_s

    @property
    def pid(self) -> int | None:
        """The REPL's process and session id; None while there is none."""
        return self._repl.pid

    @property
    def generation(self) -> int:
        """The number of the REPL process, from 1. Other processes do not know its environments and proof states."""
        return self._repl.generation

    @property
    def restarts(self) -> int:
        """How often the REPL was started again."""
        return max(0, self._repl.generation - 1)

    @property
    def ran(self) -> int:
        """How many proofs this REPL process has run."""
        return self._ran

    def holds_only(self, header: str | None = None) -> bool:
        """Whether this REPL process has run nothing yet, except that it may have loaded this one header."""
        return not self._ran and not self._statements() and self._begun <= {header}

    def enter(self, domain: str) -> None:
        """Serve a trust domain from now on; a REPL that has run another domain's code is killed."""
        if self._domain not in ("", domain):
            self.end("domain")
        self._domain = domain

    @contextmanager
    def sliced(self, slice_: Slice | None) -> Iterator[None]:
        """In this context, a run times out at the end of its slice, unless the slice lets the run go on.

        A slice is the time after which the farm decides whether a run goes on, or makes room for others.
        """
        self._repl.give_slice(slice_)
        try:
            yield
        finally:
            self._repl.give_slice(None)

    def ensure_alive(self) -> None:
        """Make sure that there is a REPL process for the next proof. A dead REPL, or a full one, is replaced.

        Raises:
            StartFailed: the REPL cannot be started.
        """
        is_alive = self._repl.is_alive()
        if not is_alive or self._is_full():
            self.end("headers" if is_alive else "died")
            self._start_s = self._repl.start()
            self._loading_s += self._start_s
        # A new generation is a new REPL process. The code above need not have started it: LeanInteract's constructor
        # starts the first one.
        if self._generation != self._repl.generation:
            self._repl.count_start()
            self._generation = self._repl.generation
            self._headers.clear()
            self._begun.clear()
            self._ran = 0
            self._name = str(uuid4())
        self.exchange = Exchange(repl=self._name)

    def _is_full(self) -> bool:
        return len(self._headers) >= _MAX_HEADERS or self._statements() >= _MAX_STATEMENTS

    def _statements(self) -> int:
        binders = [header.binder for header in self._headers.values() if isinstance(header.binder, Binder)]
        return sum(len(binder.statements) for binder in binders)

    def load(self, header: str, *, is_checked: bool = False) -> Header:
        """Return a loaded header; if this REPL has not loaded the header, load it first.

        An empty header stands for Lean's initial environment. Call `ensure_alive` first.

        Args:
            header: the header's text.
            is_checked: whether the proofs that use this header need the farm's own commands.

        Raises:
            HeaderFailed: the header has errors, and so is not kept.
            ReplTimeout: a command took longer than `LEAN_HEADER_TIMEOUT_S`.
            ReplEnded: the REPL is dead for another reason.
        """
        if header not in self._headers:
            started = time.monotonic()
            self._begun.add(header)
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
        """Define the farm's commands in a loaded header's environment, and return them.

        If the header does not import what the commands need, load the header once more, with `import Lean` added, and
        define the commands there. If this fails too, return the error.
        """
        if isinstance(found := self._define_commands(self._headers[header].env), Binder):
            return found
        with_lean = self._repl.send(f"{header}\nimport Lean".lstrip(), None, self._settings.lean_header_timeout_s)
        if isinstance(with_lean, Refused) or not with_lean.is_clean:
            return with_lean.first_error
        return self._define_commands(with_lean.env)

    def _define_commands(self, env: int) -> Binder | str:
        prefix = new_prefix()
        for command in commands(prefix):
            response = self.ask(command, env, self._settings.lean_header_timeout_s)
            if isinstance(response, Refused) or not response.is_clean:
                return response.first_error
            env = response.env
        return Binder(env, prefix)

    @contextmanager
    def running(self, header: Header, body: str, timeout_s: float, *, start: int | None = None) -> Iterator[Response]:
        """Run a body after a loaded header, and yield the response; then check that this response is the body's.

        During the block, the REPL prints the guard's token, a random text. At the end of the block, this method checks
        what the REPL printed. If that is not the token, the response was not the body's, and an error is raised. So do
        not rely on the response inside the block.

        Args:
            header: the loaded header.
            body: any text.
            timeout_s: seconds that the body may take.
            start: the environment in which the body runs. None stands for the header's environment; any other
                environment must come from the farm's commands, run in the header's environment.

        Raises:
            ReplTimeout: the body took longer than `timeout_s`.
            ReplEnded: the REPL is dead for another reason.
        """
        self._ran += 1
        self.exchange.header = header
        env, in_order = (header.start, False) if start is None else (start, True)
        with self._repl.asking_token(header.env) if self._can_sync else nullcontext():
            response = self._repl.send(
                # A file that has only imports has an empty body, and LeanInteract refuses an empty command.
                body or "\n",
                env,
                timeout_s,
                infotree=self.infotree,
                lists_tactics=self.lists_tactics,
                in_order=in_order,
            )
        self.exchange.reply = self._repl.reply
        try:
            yield response
        except BaseException:
            # If the REPL lived on, its answer to the token would be taken for the next reply.
            self.end("guard")
            raise
        self.require_token(header)

    def run(self, header: Header, body: str, timeout_s: float, *, start: int | None = None) -> Response:
        """Return the response to a body, after making sure that it belongs to that body; raises as `running` does."""
        with self.running(header, body, timeout_s, start=start) as response:
            return response

    def talk(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and return the reply unchanged; the request's fields have the REPL's own names.

        Nothing makes sure that the reply belongs to the request.

        Raises:
            ReplEnded: the REPL is dead.
        """
        return self._repl.talk(request, timeout_s)

    def ask(self, command: str, env: int | None, timeout_s: float) -> Response:
        """Run a command so that all its errors are in the reply, and return the response; raises as `run` does."""
        return self._repl.send(command, env, timeout_s, in_order=True)

    def require_token(self, header: Header) -> None:
        """Make sure that the REPL's last reply answers the last request.

        Raises:
            ReplEnded: the reply belongs to another request, or the REPL died; in both cases, the REPL is dead now.
        """
        if self._can_sync and not self._repl.answers_token(header.env, TOKEN_TIMEOUT_S):
            self.end("guard")
            raise GuardTripped("The REPL did not answer the guard's token after this proof")

    def works(self, timeout_s: float) -> bool:
        """Whether this REPL accepts a true statement; raises as `run` does."""
        response = self.run(self.load(""), "example : True := trivial", timeout_s)
        return isinstance(response, Reply) and response.is_clean and not response.sorries

    def memory_mb(self) -> float:
        """Return the resident memory of the REPL's process tree in MB."""
        return self._repl.memory_mb()

    def blame(self, cause: str) -> None:
        """Record the true cause of the REPL's end; /metrics counts the next start under this cause."""
        self._repl.blame(cause)

    def end(self, cause: str = "fresh") -> None:
        """Kill the REPL and all that it started; `ensure_alive` then starts a new one.

        That start is counted under the cause given here. If `end` is called several times before that start, the first
        cause counts.
        """
        self._repl.end(cause)

    def _load(self, header: str) -> Header:
        timeout_s = self._settings.lean_header_timeout_s
        response = self._repl.send(header or _PROBE, None, timeout_s)
        if isinstance(response, Refused) or not response.is_clean:
            raise HeaderFailed(response)
        if header and not _PRELUDE.search(header):
            probe = self._repl.send(_PROBE, response.env, timeout_s)
            if not probe.is_clean:
                raise HeaderFailed(probe, is_silent=True)
        if self._ran == 0:
            # Nothing untrusted has run yet. So if this REPL does not answer the token, it is old, not hostile.
            self._can_sync = self._repl.answers_token(response.env, timeout_s)
        return Header(response.env, response.env if header else None, response)
