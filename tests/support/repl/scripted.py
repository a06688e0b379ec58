"""The scripted REPL. THIS IS A SCRIPT, NOT LEAN: it proves nothing, and no verdict that it gives is about mathematics.

It speaks the JSON protocol of leanprover-community/repl on stdin and stdout, so that the real LeanInteract can be
tested where Lean cannot be had. Requests end with a blank line or the end of input, replies with a blank line. What it
says about Lean text is in `elaborate`, about tactics in `tactics`, how it misbehaves on request in `directives`.

As in the real REPL: environments and proof states are numbered from 0; an unknown number is `{"message": …}`; a request
that is not JSON, or none of the seven kinds (a negative `env` too), is reported on stderr and ends the process with 1;
so does unpickling a missing file. `infotree` is answered to a `cmd` as `infotree` says, `allTactics` as `tactic_blocks`
does, without proof states. Ignored: `rootGoals declarations setOptions incrementality`.

Environment: SCRIPTED_STYLE (pretty|compact); SCRIPTED_SLEEP_MS and SCRIPTED_IMPORT_SLEEP_MS (per command, per header; a
`#print "…"` is answered at once, because guards use it to synchronise); SCRIPTED_LOG (a JSON line `{"pid", "request"}`
per request is appended); SCRIPTED_FILE (see `replay`); SCRIPTED_MODULES and SCRIPTED_IMPORT_ERRORS (see `elaborate`);
SCRIPTED_MUTE (`#print "…"` prints nothing).
"""

from __future__ import annotations

import json
import os
import sys
import time

from .directives import Directives, write_all
from .elaborate import Elaboration, Env, LeanError, declarations, imports
from .infotree import INFOTREES, trees
from .replay import Replay, numbered
from .source import Source
from .tactic_blocks import all_tactics
from .tactics import ProofState, Step, answer
from .wire import die, kind_of, parsed, pretty, requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .source import Json


class Session:
    """Everything one process remembers, and the answer to each kind of request."""

    def __init__(self) -> None:
        self.envs: list[Env] = []
        self.states: list[ProofState] = []
        self.commands = 0
        self._hoard: list[bytearray] = []
        self._compact = os.environ.get("SCRIPTED_STYLE") == "compact"
        self._sleep_ms = float(os.environ.get("SCRIPTED_SLEEP_MS", "0"))
        self._import_sleep_ms = float(os.environ.get("SCRIPTED_IMPORT_SLEEP_MS", "0"))
        path = os.environ.get("SCRIPTED_FILE")
        self._replay = Replay(path) if path else None
        self._directives = Directives("")

    def serve(self, query: str) -> None:
        """Answer one request on stdout."""
        request = parsed(query)
        handler = _HANDLERS[kind_of(request)]
        self.commands += 1
        _log(request)
        self._directives = Directives("")
        try:
            reply = self._replayed(request) or handler(self, request)
        except LeanError as error:
            reply = {"message": str(error)}
        text = json.dumps(reply, ensure_ascii=False, separators=(",", ":")) if self._compact else pretty(reply)
        self._directives.send(text)

    def _command(self, request: Json) -> Json:
        reply = self._elaborate(request["cmd"], request.get("env"))
        if request.get("infotree") in INFOTREES:
            source = Source(request["cmd"])
            reply["infotree"] = trees(source, declarations(source))
        if request.get("allTactics") and (tactics := all_tactics(Source(request["cmd"]))):
            reply["tactics"] = tactics
        return reply

    def _file(self, request: Json) -> Json:
        try:
            with open(request["path"], encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs 4 ms at start)
                text = file.read()
        except OSError as error:
            raise LeanError(_io_error(error)) from None
        except ValueError:
            raise LeanError(f"Tried to read file '{request['path']}' containing non UTF-8 data.") from None
        return self._elaborate(text, request.get("env"))

    def _elaborate(self, text: str, env: int | None) -> Json:
        parent = None if env is None else self._env(env)
        source = Source(text)
        self._obey(text, self._pause(source, parent))
        done = Elaboration(source, parent)
        done.env.hijacked |= "hijack" in self._directives.flags
        messages = done.messages + self._directives.messages(source, self.commands)
        messages.sort(key=lambda message: (message["pos"]["line"], message["pos"]["column"]))
        reply: Json = {"env": self._keep(done.env)}
        if messages:
            reply["messages"] = messages
        if done.sorries:
            reply["sorries"] = [self._sorry(source, *one) for one in done.sorries]
        return reply

    def _sorry(self, source: Source, start: int, end: int, goal: str) -> Json:
        number = self._record(ProofState([goal]))
        return {"proofState": number, "pos": source.position(start), "goal": goal, "endPos": source.position(end)}

    def _tactic(self, request: Json) -> Json:
        before = self._state(request["proofState"], "Unknown proof state.")
        self._obey(request["tactic"], self._sleep_ms)
        step = Step(before, request["tactic"])
        sorries: list[Json] = [{"proofState": self._record(ProofState([goal])), "goal": goal} for goal in step.sorries]
        return answer(self._record(step.state), step.state, step, sorries)

    def _pickle_env(self, request: Json) -> Json:
        env = self._env(request["env"])
        _store(request["pickleTo"], {"declared": env.declared, "scopes": env.scopes, "broken": env.broken})
        return {"env": request["env"]}

    def _unpickle_env(self, request: Json) -> Json:
        stored, env = _restored(request["unpickleEnvFrom"]), Env()
        env.declared, env.scopes, env.broken = stored["declared"], stored["scopes"], stored["broken"]
        return {"env": self._keep(env)}

    def _pickle_proof(self, request: Json) -> Json:
        # The capital S is the real REPL's.
        state = self._state(request["proofState"], "Unknown proof State.")
        _store(request["pickleTo"], {"goals": state.goals, "has_sorry": state.has_sorry})
        return answer(self._record(state), state)

    def _unpickle_proof(self, request: Json) -> Json:
        if request.get("env") is not None:
            self._env(request["env"])
        state = ProofState(**_restored(request["unpickleProofStateFrom"]))
        return answer(self._record(state), state)

    def _env(self, number: int) -> Env:
        if number >= len(self.envs):
            raise LeanError("Unknown environment.")
        return self.envs[number]

    def _state(self, number: int, complaint: str) -> ProofState:
        if number >= len(self.states):
            raise LeanError(complaint)
        return self.states[number]

    def _keep(self, env: Env) -> int:
        self.envs.append(env)
        return len(self.envs) - 1

    def _record(self, state: ProofState) -> int:
        self.states.append(state)
        return len(self.states) - 1

    def _pause(self, source: Source, parent: Env | None) -> float:
        if source.text.startswith('#print "'):
            return 0.0
        return self._import_sleep_ms if parent is None and imports(source) else self._sleep_ms

    def _obey(self, text: str, pause_ms: float) -> None:
        directives = self._directives = Directives(text)
        if pause_ms and "sleep" not in directives.numbers:
            time.sleep(pause_ms / 1000)
        if directives:
            directives.act(self._hoard)
        if "leanerror" in directives.flags:
            raise LeanError("scripted LeanError")

    def _replayed(self, request: Json) -> Json | None:
        """The recorded reply with this session's numbers, or None if the rules have to answer."""
        if self._replay is None:
            return None
        env, number = request.get("env"), request.get("proofState")
        lineage = None if env is None else self.envs[env].lineage if env < len(self.envs) else -1
        state = None if number is None else self.states[number].lineage if number < len(self.states) else None
        index = self._replay.find(request, lineage, state)
        if index is None or (number is not None and state is None):
            return None
        if self._replay.answers[index]["reply"] is None:
            Directives("hang!").act(self._hoard)
        reply: Json = json.loads(json.dumps(self._replay.answers[index]["reply"]))
        return self._renumbered(request, reply, index)

    def _renumbered(self, request: Json, reply: Json, index: int) -> Json:
        for place, part in enumerate(numbered(reply)):
            goals: list[str] = part["goals"] if part is reply else [part.get("goal") or part["goals"]]
            part["proofState"] = self._record(ProofState(goals, lineage=(index, place)))
        if "pickleTo" in request and "env" in request:
            reply["env"] = request["env"]
        elif "proofState" not in reply and set(reply) != {"message"}:
            reply["env"] = self._keep(Env(lineage=index))
        return reply


_HANDLERS: dict[str, Callable[[Session, Json], Json]] = {
    "command": Session._command,
    "file": Session._file,
    "tactic": Session._tactic,
    "pickle_env": Session._pickle_env,
    "unpickle_env": Session._unpickle_env,
    "pickle_proof": Session._pickle_proof,
    "unpickle_proof": Session._unpickle_proof,
}


def _io_error(error: OSError) -> str:
    return f"{(error.strerror or '').lower()} (error code: {error.errno})\n  file: {error.filename}"


def _store(path: str, content: Json) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs 4 ms at start)
            json.dump(content, file)
    except OSError as error:
        die(_io_error(error))


def _restored(path: str) -> Json:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs 4 ms at start)
            content: Json = json.load(file)
    except OSError as error:
        die(_io_error(error))
    return content


def _log(request: Json) -> None:
    path = os.environ.get("SCRIPTED_LOG")
    if path:
        # One write to an append-only descriptor: lines of several processes do not mix.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        write_all(descriptor, json.dumps({"pid": os.getpid(), "request": request}).encode() + b"\n")
        os.close(descriptor)


def main() -> None:
    """Serve stdin until its end; end quietly also when the reader has gone."""
    session = Session()
    try:
        for query in requests(sys.stdin.buffer.readline):
            session.serve(query)
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    except MemoryError:
        write_all(2, b"INTERNAL PANIC: out of memory\n")
        os._exit(1)
