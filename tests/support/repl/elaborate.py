"""What the scripted REPL answers to Lean text. A script, not Lean: it reads by these rules and proves nothing.

- Header: leading `module`, `prelude` and `import` lines, in a fresh environment only. An import whose first component
  is not in `SCRIPTED_MODULES` (default `Init,Lean,Std,Mathlib,Aesop,Batteries,Lake`) leaves a broken environment, in
  which every declaration fails. `SCRIPTED_IMPORT_ERRORS` says how it shows: `silent` (default: the REPLs of today drop
  the header's messages, LeanInteract issue 43), `message` (an error message) or `leanerror` (a bare `{"message"}`).
- An `import` anywhere else, an unfinished comment, `end` without a scope and a second declaration of a name are errors.
- Each `sorry` outside comments and strings has an entry in `sorries`, and each declaration with one has a warning; with
  `set_option pp.sorrySource true` that warning names its place.
- Sections and namespaces are scopes that `end` closes, with Lean 4.35's message if it cannot; they may stay open. In a
  `module` a declaration is private unless it or a section around it is `public`.
- `#check` `#print` `#print "TEXT"` `#print axioms` `#eval`: one info message. `#exit` ends the text with a warning.
- A declaration depends on `sorryAx` if it has a `sorry` or an error or names `sorryAx`, on itself if it is an `axiom`,
  on `Lean.ofReduceBool` if it names `native_decide`, and on whatever the declarations it names depend on.
- A theorem or example without binders whose statement is closed arithmetic and false, proved by nothing but deciding
  tactics (`rfl decide simp norm_num omega ring linarith trivial …`), gets the error of the first of them.
- The farm's own commands: see `farm_commands`. Two propositions are equal if they are the same up to white space;
  binders count as a `∀` in front.
- `open Lean` fails unless an import brings Lean.
- Everything else compiles without a message.
"""

from __future__ import annotations

import os
import re
from itertools import zip_longest

from . import arithmetic, farm_commands
from .declarations import Declaration
from .source import Source

LEAN_VERSION = "4.0.0-scripted"
SORRY = re.compile(r"sorry\b(?<![\w.'«]sorry)(?!['.])")  # the literal first, so that it is found fast
_IMPORT = r"(?:(?:public|private|meta)\s+){0,3}import\s+(?:(?:all|runtime)\s+)?(?P<module>[^\s]+)\s*"
_HEADER = re.compile(rf"\s*(?:module\b\s*)?(?:prelude\b\s*)?(?:{_IMPORT.replace('?P<module>', '?:')})*")
_ONE_IMPORT = re.compile(_IMPORT)
_MODIFIERS = (
    r"(?:@\[[^\]]*\]\s*|\b(?:private|protected|noncomputable|unsafe|partial|nonrec|public|meta|local|scoped)\s+){0,8}"
)
_COMMAND = re.compile(
    r"(?<![\w.«'@])(?=[@#⟪a-z])"  # first: it rules out most places of a long proof at once
    rf"(?:{_MODIFIERS}(?P<proof>theorem|lemma|example|def|abbrev|axiom|opaque)\b(?![\w.'»])"
    rf"|^{_MODIFIERS}(?P<type>instance|structure|class|inductive)\b"
    r"|(?<!\S)(?P<hash>#(?:check|print|eval|exit|reduce))\b"
    rf"|(?<!\S)(?P<farm>{farm_commands.WORDS})\b"
    rf"|^{_MODIFIERS}(?P<word>import|open|namespace|section|end|variable|universe|set_option|attribute|macro|notation|syntax)\b)",
    re.MULTILINE,
)
_IDENTIFIER = re.compile(r"[^\W\d][\w.'!?]*")
_AXIOM_LINE_CHARS = 120
_DECIDERS = re.compile(
    r"(?:rfl|decide|native_decide|norm_num|omega|simp|simp_all|trivial|ring|ring_nf|linarith|nlinarith|positivity|aesop)\b"
)
_KNOWN_TYPES = {**dict.fromkeys(("Nat", "Int", "Bool", "String", "Prop"), "Type"), "True": "Prop", "False": "Prop"}
_DEFAULT_MODULES = "Init,Lean,Std,Mathlib,Aesop,Batteries,Lake"


def imports(source: Source) -> bool:
    """Whether a text begins with an import."""
    header = _HEADER.match(source.code)
    return bool(header and _ONE_IMPORT.search(source.code, 0, header.end()))


class LeanError(Exception):
    """The REPL answers this request with only `{"message": …}`."""


class Env:
    """What an environment number stands for. `lineage` is the replayed answer that made it, -1 if the rules did."""

    __slots__ = (
        *("broken", "declared", "hijacked", "is_module", "lineage", "looks", "names_sorries", "roots", "scopes"),
        "stated",
    )

    def __init__(self, parent: Env | None = None, lineage: int = -1) -> None:
        self.broken: bool = parent.broken if parent else False
        # By full name: the signature, the axioms, the kind with its modifiers, the proposition or a definition's value.
        self.declared: dict[str, tuple[str, list[str], str, str]] = dict(parent.declared) if parent else {}
        self.hijacked: bool = parent.hijacked if parent else False
        # The word that opened each scope, with `public` in front if the text had it, and the name of the scope, if any.
        self.scopes: list[tuple[str, str]] = list(parent.scopes) if parent else []
        self.is_module: bool = parent.is_module if parent else False
        self.names_sorries: bool = parent.names_sorries if parent else False
        self.lineage = lineage
        # `roots`: the imports' first components. `stated`: the propositions that the farm keeps. `looks`: its commands
        # that look.
        self.roots: frozenset[str] = parent.roots if parent else frozenset()
        self.stated: dict[str, str] = dict(parent.stated) if parent else {}
        self.looks: dict[str, tuple[str, list[dict[str, tuple[str, str]]]]] = dict(parent.looks) if parent else {}

    def resolve(self, name: str) -> str | None:
        """The full name of a declaration of this environment, looked up from the innermost namespace outwards."""
        if name.startswith("_root_."):
            name = name.removeprefix("_root_.")
            return name if name in self.declared else None
        spaces = [name for word, name in self.scopes if word == "namespace"]
        for depth in range(len(spaces), -1, -1):
            full = ".".join([*spaces[:depth], name])
            if full in self.declared:
                return full
        return None

    def qualified(self, name: str) -> str:
        """The full name that a declaration gets in the open namespaces."""
        if name.startswith("_root_."):
            return name.removeprefix("_root_.")
        return ".".join([*(space for word, space in self.scopes if word == "namespace"), name])


class Elaboration:
    """One command text in one environment: run on construction, read from `env`, `messages` and `sorries`.

    `sorries` holds `(start, end, goal)` in text order; the caller numbers the proof states.
    """

    def __init__(self, source: Source, parent: Env | None) -> None:
        self.source = source
        self.code = source.code
        self.env = Env(parent)
        self.messages = [source.message("error", at, None, what) for at, what in source.faults]
        self.sorries: list[tuple[int, int, str]] = []
        self.keeping: farm_commands.Keeping | None = None
        self._run(0 if parent else self._header())

    def _run(self, start: int) -> None:
        commands = list(_COMMAND.finditer(self.code, start))
        # How many commands still belong to a `keep`.
        chained = 0
        # The last command has no next one and ends with the text.
        for command, after in zip_longest(commands, commands[1:]):
            end = after.start() if after else len(self.code)
            if command["hash"] == "#exit":
                self.say("warning", command.span("hash"), "using 'exit' to interrupt Lean")
                return
            if command["hash"]:
                self._hash(command, end)
            elif command["word"]:
                self._word(command, end)
            elif command["farm"]:
                farm_commands.obey(self, command["farm"], command.start(), end)
                chained += command["farm"].endswith(("_keep", "_then"))
                continue
            else:
                declaration = Declaration(self.code, command.span(command.lastgroup or 0), end)
                self.declare(declaration, end, is_private=self._is_private(command[0].split()))
            chained -= self.keeping is not None
            if self.keeping and not chained:
                self.keeping.settle(self)
                self.keeping = None

    def _is_private(self, modifiers: list[str]) -> bool:
        is_public = "public" in modifiers or any(word == "public section" for word, _ in self.env.scopes)
        return "private" in modifiers or (self.env.is_module and not is_public)

    def _header(self) -> int:
        header = _HEADER.match(self.code)
        end = header.end() if header else 0
        self.env.is_module = self.code[:end].split()[:1] == ["module"]
        known = os.environ.get("SCRIPTED_MODULES", _DEFAULT_MODULES).split(",")
        for found in _ONE_IMPORT.finditer(self.code, 0, end):
            root = found["module"].partition(".")[0]
            self.env.roots |= {root}
            if root not in known:
                self._broken_import(root, len(self.code) - len(self.code.lstrip()))
                break
        return end

    def _broken_import(self, root: str, start: int) -> None:
        text = (
            f"unknown module prefix '{root}'\n\n"
            f"No directory '{root}' or file '{root}.olean' in the search path entries:\n/scripted"
        )
        how = os.environ.get("SCRIPTED_IMPORT_ERRORS", "silent")
        if how == "leanerror":
            raise LeanError(text)
        if how == "message":
            self.messages.append(self.source.message("error", start, None, text))
        self.env.broken = True

    def say(self, severity: str, span: tuple[int, int], data: str) -> None:
        self.messages.append(self.source.message(severity, *span, data))

    def _word(self, command: re.Match[str], end: int) -> None:
        word, span = command["word"], command.span("word")
        names = self.code[span[1] : end].split()
        if word == "import":
            self.say("error", span, "invalid 'import' command, it must be used in the beginning of the file")
        elif word in ("namespace", "section"):
            opened = f"public {word}" if "public" in command[0].split() else word
            self.env.scopes.append((opened, names[0] if names else ""))
        elif word == "set_option" and names[:1] == ["pp.sorrySource"]:
            self.env.names_sorries = names[1:2] == ["true"]
        elif word == "end":
            self._end(span, names[0] if names else "")
        elif word == "open" and names and (self.env.broken or self._knows_no_lean(names)):
            start = self.code.index(names[0], span[1])
            self.say("error", (start, start + len(names[0])), f"unknown namespace '{names[0]}'")

    def _knows_no_lean(self, names: list[str]) -> bool:
        return names[0] == "Lean" and farm_commands.BRING_LEAN.isdisjoint(self.env.roots)

    def _end(self, span: tuple[int, int], name: str) -> None:
        if not self.env.scopes:
            self.say("error", span, "Invalid `end`: There is no current scope to end")
            return
        expected = self.env.scopes[-1][1]
        if expected == name:
            self.env.scopes.pop()
        elif not name:
            self.say("error", span, f"Missing name after `end`: Expected the current scope name `{expected}`")
        elif not expected:
            self.say("error", span, f"Unexpected name `{name}` after `end`: The current section is unnamed")
        else:
            self.say("error", span, f"Invalid name after `end`: Expected `{expected}`, but found `{name}`")

    def _hash(self, command: re.Match[str], end: int) -> None:
        span = command.span("hash")
        if self.env.hijacked:
            self.say("info", span, "hijacked")
            return
        text = self.source.text[span[1] : end].partition("\n")[0].strip()
        if command["hash"] == "#print" and text[:1] == '"':
            if "SCRIPTED_MUTE" not in os.environ:
                self.say("info", span, text.strip('"'))
        elif command["hash"] == "#print" and text[:7] == "axioms ":
            self._print_axioms(span, text[7:].strip())
        elif command["hash"] == "#print" and text[:7] == "_root_.":
            self._print(span, text)
        elif self.env.broken:
            self.say("error", span, "Unknown constant `OfNat`")
        elif command["hash"] == "#eval":
            self.say("info", span, _evaluated(text))
        else:
            self.say("info", span, self._described(text.partition(" --")[0]))

    def _print_axioms(self, span: tuple[int, int], name: str) -> None:
        full = self.env.resolve(name)
        if full is None and not name[:1].isupper():
            # A name with a capital may belong to a library, which the script cannot know; it is taken to exist.
            self.say("error", span, f"unknown constant '{name}'")
            return
        axioms = self.env.declared[full][1] if full else []
        tail = f"depends on axioms: [{', '.join(axioms)}]" if axioms else "does not depend on any axioms"
        if len(tail) > _AXIOM_LINE_CHARS:
            tail = tail.replace(", ", ",\n ")
        self.say("info", span, f"'{full or name}' {tail}")

    def _print(self, span: tuple[int, int], name: str) -> None:
        full = self.env.resolve(name)
        if full is None:
            self.say("error", span, f"unknown constant '{name}'")
            return
        signature, _, kind, _ = self.env.declared[full]
        self.say("info", span, f"{kind} {full} {signature} :=\n<scripted>")

    def _described(self, name: str) -> str:
        full = self.env.resolve(name)
        if full:
            return f"{full} {self.env.declared[full][0]}"
        return f"{name} : {_KNOWN_TYPES.get(name, '<scripted>')}"

    def declare(self, declaration: Declaration, end: int, *, is_private: bool) -> None:
        name = self.env.qualified(declaration.name)
        if self.env.broken:
            self.say("error", declaration.label, "Unknown constant `OfNat`")
            return
        if declaration.name and name in self.env.declared:
            self.say("error", declaration.label, f"'{name}' has already been declared")
            return
        if declaration.kind in ("theorem", "lemma", "example") and not declaration.proof.strip():
            self.say("error", (end, end), "unexpected token; expected term")
            return
        flawed = self._sorries(declaration, end) or self._refuted(declaration)
        if declaration.name:
            kind = "theorem" if declaration.kind == "lemma" else declaration.kind
            label = f"private {kind}" if is_private else kind
            axioms = self._axioms(declaration, name, flawed)
            has = declaration.value if declaration.kind in ("def", "abbrev") else declaration.proposition
            self.env.declared[name] = (declaration.signature, axioms, label, has)

    def _sorries(self, declaration: Declaration, end: int) -> bool:
        found = list(SORRY.finditer(self.code, declaration.label[1], end))
        for one in found:
            goal = declaration.goal(self.code[declaration.proof_start : one.start()])
            self.sorries.append((*one.span(), goal))
        if found:
            at = self.source.position(found[0].start())
            place = f" `«M:{at['line']}:{at['column']}»" if self.env.names_sorries else ""
            self.say("warning", declaration.label, f"declaration uses `sorry{place}`")
        return bool(found)

    def _refuted(self, declaration: Declaration) -> bool:
        if declaration.kind not in ("theorem", "lemma", "example") or declaration.binders.strip():
            return False
        deciding = _deciding_tactic(declaration.proof)
        if not deciding or arithmetic.judge(declaration.statement) is not False:
            return False
        start = declaration.proof_start + deciding.start()
        term = not declaration.proof.startswith("by")
        text = (_mismatch if term else failure)(deciding[0], declaration.statement)
        self.say("error", (start, start + len(deciding[0])), text)
        return True

    def _axioms(self, declaration: Declaration, name: str, flawed: bool) -> list[str]:
        words = set(_IDENTIFIER.findall(declaration.proof))
        axioms = {"sorryAx"} if flawed or "sorryAx" in words else set()
        if declaration.kind == "axiom":
            axioms.add(name)
        if "native_decide" in words:
            axioms.add("Lean.ofReduceBool")
        for word in words:
            if full := self.env.resolve(word):
                axioms.update(self.env.declared[full][1])
        return sorted(axioms)


def declarations(source: Source) -> list[tuple[int, int]]:
    """The spans of a text's declarations, each up to the next command."""
    commands = list(_COMMAND.finditer(source.code))
    ends = [command.start() for command in commands[1:]] + [len(source.code)]
    return [(one.start(), end) for one, end in zip(commands, ends, strict=True) if one["proof"] or one["type"]]


def _deciding_tactic(proof: str) -> re.Match[str] | None:
    """The first tactic of a proof that consists only of deciding tactics; the terms `rfl` and `decide` count as one."""
    start = 2 if re.match(r"by\b", proof) else 0
    steps = [step for step in re.split(r"<;>|;|\n", proof[start:]) if step.strip()]
    if not steps or not all(_DECIDERS.match(step.strip()) for step in steps):
        return None
    if start == 0 and proof.strip() not in ("rfl", "decide"):
        return None
    return _DECIDERS.search(proof, start)


def _mismatch(term: str, statement: str) -> str:
    """What Lean says about the term `rfl` or `decide` for a false statement, close to its words."""
    kind = "?m = ?m : Prop" if term == "rfl" else "(p : Prop) → [Decidable p] → Bool : Type"
    return f"type mismatch\n  {term}\nhas type\n  {kind}\nbut is expected to have type\n  {statement} : Prop"


def failure(tactic: str, statement: str) -> str:
    """What a deciding tactic says about a false statement, close to Lean's words."""
    if tactic == "rfl":
        return f"The rfl tactic failed: the left-hand side is not equal to the right-hand side\n⊢ {statement}"
    if tactic in ("decide", "native_decide"):
        return f"tactic '{tactic}' proved that the proposition\n  {statement}\nis false"
    if tactic == "omega":
        return "omega could not prove the goal:\nno usable constraints found"
    if tactic in ("linarith", "nlinarith"):
        return f"linarith failed to find a contradiction\n⊢ {statement}"
    return "unsolved goals\n⊢ False"


def _evaluated(text: str) -> str:
    if text == "Lean.versionString":
        return f'"{LEAN_VERSION}"'
    if text[:1] == '"':
        return text
    value = arithmetic.evaluate(text)
    return "<scripted>" if value is None else str(value)
