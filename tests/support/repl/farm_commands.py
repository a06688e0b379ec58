"""The farm's own commands (workers/lean/binding/commands.lean) as the scripted REPL, which is not Lean, answers them.

It does what Lean does with them: they are unknown in an environment without `import Lean`; of a kept theorem, only the
proposition stays; a look sees only full names, whatever scopes are open.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .elaborate import Elaboration
    from .source import Json

    Kept = dict[str, tuple[str, str]]

WORDS = r"leanfarm_[0-9a-f]+_(?:keep|then)|⟪look_[0-9a-f]+|elab"
BRING_LEAN = frozenset(("Lean", "Lake", "Mathlib", "Aesop", "Batteries"))
_PLAN = r'(?P<plan>"(?:[^"\\]|\\.)*")'
_KEEP = re.compile(rf'leanfarm_(?P<prefix>[0-9a-f]+)_keep "(?P<secret>\w+)" {_PLAN}')
_ELAB = re.compile(
    rf'elab "(?P<token>⟪\w+)" : command => (?P<prefix>LeanFarm_[0-9a-f]+)\.look "(?P<secret>\w+)" {_PLAN}'
)
_IDENTIFIER = re.compile(r"[^\W\d][\w'!?]*")


def obey(run: Elaboration, word: str, start: int, end: int) -> None:
    """Carry out one of the farm's commands. A `keep` is settled after the declarations that follow it."""
    span = (start, start + len(word))
    text = run.source.text[start:end]
    if word == "elab":
        _define(run, text, span)
    elif word.startswith("⟪"):
        _look(run, word, span)
    elif found := _KEEP.match(text):
        if f"LeanFarm_{found['prefix']}.keep" in run.env.declared:
            run.keeping = Keeping(run, found["secret"], _plan(found["plan"]), span)
        else:
            run.say("error", span, "expected command")


class Keeping:
    """A `keep` whose declarations are being elaborated."""

    __slots__ = ("before", "plan", "scopes", "secret", "span")

    def __init__(self, run: Elaboration, secret: str, plan: list[Kept], span: tuple[int, int]) -> None:
        self.secret = secret
        self.plan = plan
        self.span = span
        self.before = dict(run.env.declared)
        self.scopes = list(run.env.scopes)

    def settle(self, run: Elaboration) -> None:
        """Forget what was declared since, and keep the propositions and holes that were asked for."""
        after, run.env.declared, run.env.scopes = run.env.declared, self.before, self.scopes
        targets, holes = self.plan
        axioms: list[str] = []
        for name in targets.keys() & after.keys():
            run.env.stated[targets[name][0]] = after[name][3]
            axioms += ["sorryAx"] if "sorry" in after[name][3] else []
        for name in holes.keys() & after.keys():
            run.env.stated[holes[name][0]] = after[name][0]
        are_there = all(name in after for name in (*targets, *holes))
        _say(run, self.span, self.secret, {"kept": are_there, "axioms": axioms})


def _plan(plan: str) -> list[Kept]:
    """Targets and holes: the name of each, and the names under which it and its prescribed answer are kept."""
    return [
        {_name(name): (_name(kept), _name(answer[0]) if answer else "") for name, kept, *answer in entries}
        for entries in json.loads(json.loads(plan))
    ]


def _name(parts: list[str]) -> str:
    """A name as a text writes it: a part that is not an identifier is escaped."""
    return ".".join(part if _IDENTIFIER.fullmatch(part) else f"«{part}»" for part in parts)


def _define(run: Elaboration, text: str, span: tuple[int, int]) -> None:
    found = _ELAB.match(text)
    if found is None:
        return
    if f"{found['prefix']}.look" not in run.env.declared:
        run.say("error", span, f"unknown identifier '{found['prefix']}.look'")
        return
    run.env.looks[found["token"]] = (found["secret"], _plan(found["plan"]))


def _look(run: Elaboration, token: str, span: tuple[int, int]) -> None:
    if run.env.hijacked:
        run.say("info", span, "hijacked")
    elif token not in run.env.looks:
        run.say("error", span, "expected command")
    else:
        secret, (targets, holes) = run.env.looks[token]
        seen = [_target(run, name, kept) for name, (kept, _) in targets.items()]
        values = [_hole(run, name, *kept) for name, kept in holes.items()]
        _say(run, span, secret, {"targets": seen, "holes": values})


def _target(run: Elaboration, name: str, kept: str) -> Json | None:
    if kept not in run.env.stated:
        return None
    if (found := _found(run, name)) is None:
        return _twins(run, name)
    _, axioms, kind, has = found
    if kind != "theorem":
        return {"kind": kind}
    meant = run.env.stated[kept]
    fault = "" if has == meant else f"it proves\n  {has}\nand not\n  {meant}"
    return {"kind": kind, "fault": fault, "axioms": axioms}


def _hole(run: Elaboration, name: str, kept: str, prescribed: str) -> Json | None:
    if kept not in run.env.stated or (prescribed and prescribed not in run.env.declared):
        return None
    if (found := _found(run, name)) is None:
        return _twins(run, name)
    signature, axioms, kind, value = found
    return {
        "kind": "def" if kind in ("def", "abbrev") else kind,
        "fits": signature == run.env.stated[kept],
        "answer": not prescribed or run.env.declared[prescribed][3] == value,
        "value": value,
        "axioms": axioms,
    }


def _found(run: Elaboration, name: str) -> tuple[str, list[str], str, str] | None:
    found = run.env.declared.get(name)
    return None if found is None or found[2].startswith("private") else found


def _twins(run: Elaboration, name: str) -> Json:
    return {"twins": [_as_lean_names(each, run) for each in run.env.declared if _ends_in(each, name)]}


def _ends_in(full: str, name: str) -> bool:
    return full == name or full.endswith(f".{name}")


def _as_lean_names(full: str, run: Elaboration) -> str:
    return f"_private.0.{full}" if run.env.declared[full][2].startswith("private") else full


def _say(run: Elaboration, span: tuple[int, int], secret: str, answer: Json) -> None:
    run.say("info", span, json.dumps({"leanfarm": secret, **answer}, ensure_ascii=False))
