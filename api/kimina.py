"""Translates between Kimina Lean Server's protocol and the farm's.

The snippets of a request become proofs. Verdicts, together with the REPL's replies, become the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request
from pydantic import ValidationError

from api.errors import invalid
from api.intake import Intake, complete_options
from api.interactive import INTERACTIVE_PROOFS, UNSEEN_RETENTION_S, verify
from api.large_texts import read_aside
from api.service import Service
from farm.models import Options, Proof, ReportRequest
from farm.store.staging import NewBatch

_PARTS = {
    "messages": ("severity", "pos", "endPos", "data"),
    "sorries": ("pos", "endPos", "goal", "proofState"),
    "tactics": ("pos", "endPos", "goals", "tactic", "proofState", "usedConstants"),
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SnippetOptions:
    """The options that apply to every text of a request.

    Attributes:
        timeout_s: the timeout that the client gave; with 0 or less, every text times out at once.
        report: the details that the REPL has to report.
    """

    timeout_s: int
    report: ReportRequest


async def run_checks(
    request: Request, service: Service, owner: str, texts: list[str], check: SnippetOptions
) -> list[Json]:
    """Return the answer for each text: `time`, either `response` or `error`, and in some cases `diagnostics`.

    An answer has `diagnostics` if the client asked for them, or if Lean timed out.

    Raises:
        Disconnected, FarmError: as `verify` does.
    """
    limit_s = min(check.timeout_s, service.settings.max_timeout_s)
    answers = [await read_aside(len(text), _read, text) for text in texts]
    proofs = [proof for proof in answers if isinstance(proof, Proof)]
    if limit_s <= 0:
        return [_timed_out("command", limit_s) if isinstance(each, Proof) else each for each in answers]
    found = await _verify(request, service, owner, proofs, limit_s, check.report) if proofs else []
    header_s = service.settings.lean_header_timeout_s
    verdicts = iter([await read_aside(len(each), _answer, each, limit_s, header_s) for each in found])
    return [next(verdicts) if isinstance(each, Proof) else each for each in answers]


def _read(text: str) -> Proof | Json:
    """Return a text as a proof. If the text cannot be sent to Lean, return the answer to this text instead.

    The other texts of the request then still run.
    """
    try:
        return Proof(code=text or "\n")
    except ValidationError as error:
        return {"time": 0.0, "error": invalid(error).message}


async def _verify(
    request: Request, service: Service, owner: str, proofs: list[Proof], limit_s: float, report: ReportRequest
) -> list[bytes]:
    asked = Options(timeout_s=limit_s, gate="off", cache=report.is_shareable)
    options = {**await complete_options(asked, service, owner), "report": report.model_dump()}
    submission = NewBatch(
        environment=options["environment"],
        options=options,
        retention_s=min(UNSEEN_RETENTION_S, service.settings.retention_s),
        interactive=len(proofs) <= INTERACTIVE_PROOFS,
    )
    return await verify(request, Intake(service, owner, options), proofs, submission)


def _answer(found: bytes, limit_s: float, header_s: float) -> Json:
    """Return the answer to a proof, from its verdict as JSON."""
    verdict = orjson.loads(found)
    report = verdict.get("report") or {}
    if verdict["reason"] == "timeout":
        answer = _timed_out("header command", header_s) if report.get("in_header") else _timed_out("command", limit_s)
    elif verdict["outcome"] == "undecided":
        answer = {"time": verdict["time_s"], "error": verdict["messages"][0]["data"]}
    else:
        answer = {"time": verdict["time_s"], "response": _response(report["reply"])}
    if "timed out" in answer.get("error", "") and report:
        answer["diagnostics"] = {"repl_uuid": report["repl"].replace("-", "")}  # present even without `debug`
    elif report.get("memory_bytes") is not None:
        names = {"repl_uuid": "repl", "cpu_max": "cpu_percent", "memory_max": "memory_bytes"}
        answer["diagnostics"] = {theirs: report[ours] for theirs, ours in names.items()}
    return answer


def _timed_out(what: str, limit_s: float) -> Json:
    return {"time": float(limit_s), "error": f"Lean REPL {what} timed out in {float(limit_s)} seconds"}


def _response(reply: Json) -> Json:
    """Return a REPL's reply in Kimina's form, without the fields that Kimina does not have or that are null."""
    if "message" in reply:
        return {"message": reply["message"]}
    response = {name: reply[name] for name in ("env", "infotree") if reply.get(name) is not None}
    for name, fields in _PARTS.items():
        if reply.get(name) is not None:
            response[name] = [
                {field: each[field] for field in fields if each.get(field) is not None} for each in reply[name]
            ]
    return response
