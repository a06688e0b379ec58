"""What an external checker says about a proof that Lean accepted; docs/attestation.md is the contract.

The checker runs in a process of its own, in its own scratch folder, in a sandbox like the REPL's.
Whatever it does but answer in time, in form and with exit status 0 is no answer.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson
import structlog

from farm import toolchains
from farm.models import Level, Message, Proof, Reason, Verdict, verdict
from farm.processes import end_session
from farm.source import assemble

_ANSWER_LIMIT_BYTES = 64 << 10
_DETAIL_LIMIT_CHARS = 2000
_VERSION_LIMIT_CHARS = 100
_VERSION_TIMEOUT_S = 30.0
_LOOK_EVERY_S = 0.2
_READ_BYTES = 1 << 14

Answer: TypeAlias = Literal["accepted", "rejected", "failed"]

_log = structlog.get_logger()


class CheckerFailed(Exception):
    """The checker gave no answer: it crashed, hung, flooded, or said what is none."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """What the checker answered.

    Attributes:
        answer: `failed` when it was none.
        version: the checker's name and version, as it says them itself.
        time_s: seconds it took.
        detail: why, in its own words or ours.
    """

    answer: Answer
    version: str
    time_s: float
    detail: str = ""

    def dump(self) -> dict[str, Any]:
        """Return it as it stands in `evidence.checker`."""
        return {"version": self.version, "answer": self.answer, "time_s": self.time_s, "detail": self.detail}


class Checker:
    """A configured checker command.

    Args:
        command: the command, what confines it in front.
        timeout_s: seconds it may take for one proof.
        stopped: asked now and then whether the process is to stop.

    Raises:
        CheckerFailed: it does not tell its version.
    """

    def __init__(self, command: Sequence[str], timeout_s: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._stopped = stopped
        said = self._run(["--version"], b"", _VERSION_TIMEOUT_S).decode(errors="replace").strip()
        if not said or len(said) > _VERSION_LIMIT_CHARS or not said.isprintable() or "|" in said:
            raise CheckerFailed("`--version` has to print one line of at most 100 characters, without `|`")
        self.version = said

    def check(self, proof: Proof, environment: dict[str, Any]) -> Attestation:
        """Return what the checker says about a proof; that it fails is an answer too."""
        started, nonce = time.monotonic(), secrets.token_hex(16)
        request = {"protocol": 1, "nonce": nonce, "source": assemble(proof).text, "statement": proof.statement}
        try:
            said = self._run([], orjson.dumps({**request, "environment": environment}), self._timeout_s)
            answer, detail = _read(said, nonce)
        except CheckerFailed as failure:
            answer, detail = "failed", str(failure)
        return Attestation(answer, self.version, round(time.monotonic() - started, 3), detail)

    def _run(self, arguments: list[str], request: bytes, timeout_s: float) -> bytes:
        """Return what the command wrote to its output; nothing of it is left when this returns."""
        with tempfile.TemporaryDirectory(prefix="leanfarm-checker-") as folder, tempfile.TemporaryFile() as stdin:
            stdin.write(request)
            stdin.seek(0)
            try:
                process = subprocess.Popen(
                    [*self._command, *arguments],
                    cwd=folder,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise CheckerFailed(f"It does not start: {error.strerror}") from error
            try:
                return self._read_all(process, time.monotonic() + timeout_s)
            finally:
                end_session(process.pid)
                process.kill()
                process.wait()
                process.stdout.close()  # type: ignore[union-attr]

    def _read_all(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        output, said = process.stdout.fileno(), bytearray()  # type: ignore[union-attr]
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or self._stopped():
                raise CheckerFailed("It did not answer in time (CHECKER_TIMEOUT_S)")
            if not select.select([output], [], [], min(left_s, _LOOK_EVERY_S))[0]:
                # A child may keep the pipe open; what the command itself had to say is said when it ends.
                if process.poll() is not None:
                    break
                continue
            chunk = os.read(output, _READ_BYTES)
            if not chunk:
                break
            said += chunk
            if len(said) > _ANSWER_LIMIT_BYTES:
                raise CheckerFailed(f"It wrote more than {_ANSWER_LIMIT_BYTES >> 10} kB")
        with contextlib.suppress(subprocess.TimeoutExpired):
            if (status := process.wait(max(0.0, deadline - time.monotonic()))) == 0:
                return bytes(said)
            raise CheckerFailed(f"It ended with status {status}")
        raise CheckerFailed("It closed its output and did not end (CHECKER_TIMEOUT_S)")


def _read(said: bytes, nonce: str) -> tuple[Answer, str]:
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError as error:
        raise CheckerFailed("Its answer is no JSON value") from error
    match answer:
        case {"nonce": str(sent), "answer": "accepted" | "rejected" as found, **rest} if sent == nonce:
            return found, str(rest.get("detail", ""))[:_DETAIL_LIMIT_CHARS]
    raise CheckerFailed("Its answer is not for this request: see docs/attestation.md")


class Attestor:
    """Decides which proofs the checker sees, and what its answer makes of their verdicts.

    Args:
        checker: None where none is configured or it does not work; nothing reaches `attested` then.
        share: of the accepted proofs whose batch does not ask for `attested`.
    """

    def __init__(self, checker: Checker | None, share: float) -> None:
        self._checker = checker
        self._share = share

    def examine(self, found: Verdict, proof: Proof, level: str) -> Verdict:
        """Return the verdict on a proof with what the checker says; one that is not accepted stays as it is.

        Args:
            found: Lean's verdict.
            proof: what it is about.
            level: the level that the batch asks for.
        """
        is_asked = level == Level.ATTESTED
        if known := toolchains.faults(found.environment.lean_version):
            evidence = found.evidence.model_copy(update={"unsound": [fault.name for fault in known]})
            found = found.model_copy(update={"evidence": evidence})
        if found.reason is not None or not (is_asked or random.random() < self._share):  # noqa: S311 - a sample
            return found
        if known and is_asked:
            return _without(found, toolchains.warning(found.environment.lean_version))
        if self._checker is None:
            return _without(found, "This worker has no external checker (CHECKER_COMMAND)") if is_asked else found
        said = self._checker.check(proof, found.environment.model_dump())
        found = found.model_copy(
            update={
                "evidence": found.evidence.model_copy(update={"checker": said.dump()}),
                "time_s": round(found.time_s + said.time_s, 6),
            }
        )
        if said.answer == "accepted":
            # What was not checked against a statement is not attested to prove one, nor is anything by an unsound Lean.
            may_attest = found.level is Level.CHECKED and not known
            return found.model_copy(update={"level": Level.ATTESTED}) if may_attest else found
        if said.answer == "rejected":
            # Lean and the checker disagree: one of them is wrong, and somebody should know.
            _log.critical("attestation.disagrees", index=found.index, checker=said.version)
            text = f"{said.version} rejects what Lean accepted: {said.detail}"
            return _changed(found, Reason.ERROR, Message(severity="error", data=text))
        return _without(found, f"The external checker gave no answer: {said.detail}") if is_asked else found


def _without(found: Verdict, text: str) -> Verdict:
    return _changed(found, Reason.FARM_ERROR, Message(severity="info", data=text))


def _changed(found: Verdict, reason: Reason, message: Message) -> Verdict:
    """Return a verdict that an accepted one becomes for a reason."""
    kept = {name: getattr(found, name) for name in Verdict.model_fields if name not in _FOLLOWING}
    return verdict(**{**kept, "messages": [message, *found.messages]}, reason=reason)


_FOLLOWING = frozenset({"outcome", "level", "reason", "reward"})


def open_checker(command: Sequence[str], timeout_s: float, stopped: Callable[[], bool]) -> Checker | None:
    """Return the configured checker, None when there is none or it does not work: then it is said in the log.

    Args:
        command: the command, with what confines it in front; empty where none is configured.
        timeout_s: seconds it may take for one proof.
        stopped: whether the process is to stop.
    """
    if not command:
        return None
    try:
        return Checker(command, timeout_s, stopped)
    except CheckerFailed as error:
        _log.error("checker.unusable", error=str(error), consequence="nothing reaches `attested`")
        return None
