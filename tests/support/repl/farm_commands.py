"""The farm's own commands (workers/lean/statement_binding.lean) as the scripted REPL, which is no Lean, answers them.

It keeps to what Lean does with them: nothing knows them on an environment without `import Lean`; a kept theorem leaves
its proposition and is itself gone; a look sees full names alone, whatever scopes are open.
"""

from __future__ import annotations

import json
import re

from .declarations import Declaration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .elaborate import Elaboration
    from .source import Json

WORDS = r"leanfarm_[0-9a-f]+_keep|⟪look_[0-9a-f]+|elab"
BRING_LEAN = frozenset(("Lean", "Lake", "Mathlib", "Aesop", "Batteries"))
_KEEP = re.compile(r'leanfarm_(?P<prefix>[0-9a-f]+)_keep "(?P<kept>\w+)" \w+ (?P<name>(?:«[^»]*»|[^\s«])+)')
_ELAB = re.compile(
    r'elab "(?P<token>⟪\w+)" : command => (?P<prefix>LeanFarm_[0-9a-f]+)\.lookFor "(?P<secret>\w+)" \[(?P<targets>.*)\]'
)
_TARGET = re.compile(r"\(`(?P<kept>\w+), `(?P<name>(?:«[^»]*»|[^\s«)])+)\)")


def obey(run: Elaboration, word: str, start: int, end: int, declared: Declaration | None) -> None:
    """Carry out one of the farm's commands; `declared` is the theorem behind a `keep`."""
    span = (start, start + len(word))
    text = run.source.text[start:end]
    if word == "elab":
        _define(run, text, span)
    elif word.startswith("⟪"):
        _look(run, word, span)
    elif (found := _KEEP.match(text)) and declared:
        _keep(run, found, span, declared, end)


def _keep(run: Elaboration, found: re.Match[str], span: tuple[int, int], theorem: Declaration, end: int) -> None:
    if f"LeanFarm_{found['prefix']}.keep" not in run.env.declared:
        run.say("error", span, "expected command")
        return
    before = dict(run.env.declared)
    run.declare(theorem, end, is_private=False)
    after, run.env.declared = run.env.declared, before
    is_there = found["name"] in after
    answer: Json = {"kept": is_there}
    if is_there:
        run.env.stated[found["kept"]] = after[found["name"]][3]
        answer["axioms"] = ["sorryAx"] if "sorry" in theorem.statement else []
    _say(run, span, found["kept"], answer)


def _define(run: Elaboration, text: str, span: tuple[int, int]) -> None:
    found = _ELAB.match(text)
    if found is None:
        return
    if f"{found['prefix']}.lookFor" not in run.env.declared:
        run.say("error", span, f"unknown identifier '{found['prefix']}.lookFor'")
        return
    targets = [(each["kept"], each["name"]) for each in _TARGET.finditer(found["targets"])]
    run.env.looks[found["token"]] = (found["secret"], targets)


def _look(run: Elaboration, token: str, span: tuple[int, int]) -> None:
    if run.env.hijacked:
        run.say("info", span, "hijacked")
    elif token not in run.env.looks:
        run.say("error", span, "expected command")
    else:
        secret, targets = run.env.looks[token]
        _say(run, span, secret, {"targets": [_found(run, *target) for target in targets]})


def _found(run: Elaboration, kept: str, name: str) -> Json | None:
    if kept not in run.env.stated:
        return None
    _, axioms, kind, has = run.env.declared.get(name, ("", [], "", ""))
    if not kind or kind.startswith("private"):
        return {"twins": [_as_lean_names(each, run) for each in run.env.declared if _ends_in(each, name)]}
    if kind != "theorem":
        return {"kind": kind}
    meant = run.env.stated[kept]
    fault = "" if has == meant else f"it proves\n  {has}\nand not\n  {meant}"
    return {"kind": kind, "fault": fault, "axioms": axioms}


def _ends_in(full: str, name: str) -> bool:
    return full == name or full.endswith(f".{name}")


def _as_lean_names(full: str, run: Elaboration) -> str:
    return f"_private.0.{full}" if run.env.declared[full][2].startswith("private") else full


def _say(run: Elaboration, span: tuple[int, int], secret: str, answer: Json) -> None:
    run.say("info", span, json.dumps({"leanfarm": secret, **answer}, ensure_ascii=False))
