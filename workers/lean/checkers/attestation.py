"""Attestation: an external checker judges proofs that Lean accepted. docs/attestation.md defines the protocol.

The checker runs in a process of its own, in its own scratch folder, in a sandbox like the REPL's. The checker's answer
counts only if the answer comes in time and has the right form, and if the checker ends with status 0. In all other
cases, the farm treats the checker as failed.
"""

from __future__ import annotations

import io
import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog

from farm import toolchains
from farm.models import Level, Message, Proof, Reason, Verdict, verdict
from farm.source import assemble
from workers.lean.binding.answers import ALLOWED_AXIOMS
from workers.lean.checkers.evidence import Answer, Attestation
from workers.lean.checkers.kernels import Kernels, Tools
from workers.lean.checkers.process import CheckerFailed, Confined
from workers.lean.repl_watch import GivenUp

_ANSWER_LIMIT_BYTES = 64 << 10
_DETAIL_LIMIT_CHARS = 2000
_VERSION_LIMIT_CHARS = 100
_VERSION_TIMEOUT_S = 30.0

_log = structlog.get_logger()


class Checker:
    """A configured checker command.

    Args:
        command: the launcher that confines the checker, followed by the checker's command.
        timeout_s: seconds that the checker may take for one proof.
        stopped: says whether this process has to stop; it is called now and then.

    Raises:
        CheckerFailed: the checker does not print its version.
    """

    def __init__(self, command: Sequence[str], timeout_s: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self._confined = Confined(command, stopped)
        self._timeout_s = timeout_s
        said = self._run(["--version"], b"", _VERSION_TIMEOUT_S).decode(errors="replace").strip()
        if not said or len(said) > _VERSION_LIMIT_CHARS or not said.isprintable() or "|" in said:
            raise CheckerFailed("`--version` has to print one line of at most 100 characters, without `|`")
        self.version = said

    def check(self, proof: Proof, environment: dict[str, Any]) -> Attestation:
        """Return what the checker says about a proof. If the checker fails, the answer is `failed`.

        Raises:
            GivenUp: this process has to stop.
        """
        started, nonce = time.monotonic(), secrets.token_hex(16)
        request = {"protocol": 1, "nonce": nonce, "source": assemble(proof).text, "statement": proof.statement}
        try:
            said = self._run([], orjson.dumps({**request, "environment": environment}), self._timeout_s)
            answer, detail = _read(said, nonce)
        except CheckerFailed as failure:
            answer, detail = "failed", str(failure)
        return Attestation(answer, self.version, round(time.monotonic() - started, 3), detail)

    def _run(self, arguments: list[str], request: bytes, timeout_s: float) -> bytes:
        said = io.BytesIO()
        deadline = time.monotonic() + timeout_s
        if status := self._confined.run(arguments, deadline, said, _ANSWER_LIMIT_BYTES, request):
            raise CheckerFailed(f"The checker ended with status {status}")
        return said.getvalue()


def _read(said: bytes, nonce: str) -> tuple[Answer, str]:
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError as error:
        raise CheckerFailed("Its answer is not a JSON value") from error
    match answer:
        case {"nonce": str(sent), "answer": "accepted" | "rejected" as found, **rest} if sent == nonce:
            return found, str(rest.get("detail", ""))[:_DETAIL_LIMIT_CHARS]
    raise CheckerFailed("Its answer is not for this request: see docs/attestation.md")


class Attestor:
    """Decides which proofs the checker gets, and how its answers change their verdicts.

    Args:
        checker: the checker. It is None if no checker is configured, or if the configured checker does not work. In
            both cases, no proof reaches `attested`.
        share: which share of the accepted proofs the checker gets if the batch does not ask for `attested`.
    """

    def __init__(self, checker: Checker | Kernels | None, share: float) -> None:
        self._checker = checker
        self._share = share

    def examine(self, found: Verdict, proof: Proof, level: str) -> Verdict:
        """Return Lean's verdict, changed by the checker's answer if the checker gets the proof.

        The checker gets only proofs that Lean accepted. If the batch asks for `attested`, an accepted proof becomes
        `undecided` if the checker fails or if the proof cannot be attested here. Every verdict's evidence names the
        known faults of the Lean version that gave the verdict.

        Args:
            found: Lean's verdict.
            proof: the proof that the verdict is about.
            level: the level that the batch asks for.

        Raises:
            GivenUp: this process has to stop before the checker has answered.
        """
        is_asked = level == Level.ATTESTED
        if known := toolchains.faults(found.environment.lean_version):
            evidence = found.evidence.model_copy(update={"unsound": [fault.name for fault in known]})
            found = found.model_copy(update={"evidence": evidence})
        if found.reason is not None or not (is_asked or random.random() < self._share):  # noqa: S311 - a sample
            return found
        if is_asked and (obstacle := self._obstacle(found)):
            return _without(found, obstacle)
        if self._checker is None or _beyond(found):
            return found
        said = self._checker.check(proof, found.environment.model_dump())
        found = found.model_copy(
            update={
                "evidence": found.evidence.model_copy(update=said.evidence()),
                "time_s": round(found.time_s + said.time_s, 6),
            }
        )
        if said.answer == "accepted":
            # A proof stays below `attested` if it was not checked against a statement, or if its Lean is unsound.
            may_attest = found.level is Level.CHECKED and not known
            return found.model_copy(update={"level": Level.ATTESTED}) if may_attest else found
        if said.answer == "rejected":
            # Lean and the checker disagree: one of them is wrong, and an operator should know.
            _log.critical("attestation.disagrees", index=found.index, checker=said.version)
            text = f"{said.version} rejects what Lean accepted: {said.detail}"
            return _changed(found, Reason.ERROR, Message(severity="error", data=text))
        return _without(found, f"The external checker gave no answer: {said.detail}") if is_asked else found

    def _obstacle(self, found: Verdict) -> str:
        """Return why a proof cannot reach `attested` here, even if a checker accepts it; empty if the proof can."""
        if self._checker is None:
            return "This worker has no external checker that works (CHECKER_COMMAND)"
        if beyond := _beyond(found):
            return f"A checker cannot replay what the compiler computed: the proof rests on {', '.join(beyond)}"
        return toolchains.warning(found.environment.lean_version)


def _beyond(found: Verdict) -> list[str]:
    """Return those axioms of a proof that no checker allows. With `native: true`, a proof may depend on such axioms."""
    return sorted(set(found.axioms) - ALLOWED_AXIOMS)


def _without(found: Verdict, text: str) -> Verdict:
    return _changed(found, Reason.FARM_ERROR, Message(severity="info", data=text))


def _changed(found: Verdict, reason: Reason, message: Message) -> Verdict:
    """Give an accepted verdict this reason and message, so that it no longer counts as accepted, and return it."""
    kept = {name: getattr(found, name) for name in Verdict.model_fields if name not in _FOLLOWING}
    return verdict(**{**kept, "messages": [message, *found.messages]}, reason=reason)


_FOLLOWING = frozenset({"outcome", "level", "reason", "reward"})


def open_checker(
    command: Sequence[str] | Tools, timeout_s: float, stopped: Callable[[], bool]
) -> Checker | Kernels | None:
    """Return the configured checker; None if no checker is configured, or if the checker does not work.

    A checker that does not work is logged.

    Args:
        command: the command that runs the checker in a sandbox, or the programs of the checkers that the farm knows.
            It is empty if no checker is configured.
        timeout_s: seconds that the checker may take for one proof.
        stopped: says whether this process has to stop; it is called now and then.
    """
    if not command:
        return None
    try:
        if isinstance(command, Tools):
            return Kernels(command, timeout_s, stopped)
        return Checker(command, timeout_s, stopped)
    except GivenUp:
        return None
    except CheckerFailed as error:
        _log.error("checker.unusable", error=str(error), consequence="nothing reaches `attested`")
        return None
