"""The code of a text as the gate's rules see it, with facts about all the code that runs in the same environment."""

from __future__ import annotations

import re
from functools import cached_property

from farm.lexer import NAME, WORD_CHARS
from workers.lean.gate.masking import mask
from workers.lean.gate.rules import CONSTANTS, ORACLES

_NAME_MARKS = str.maketrans("", "", "«»")
_OWN = re.compile(rf"(?:structure|inductive|class|def|abbrev)\s+({NAME})")
_RUN = re.compile(rf"(?:«[^»\n]*»|[{WORD_CHARS}.])+")
_NAME = re.compile(NAME)
# A letter after one of these characters begins a name: no symbol of Lean, Std, Batteries, Aesop or Mathlib has a letter
# directly after one of them, except Mathlib's `[MOD` and the like. `→` is not among them, because of `→o` and `→r`;
# neither are digits, quotes and closing brackets.
BEFORE_NAME = frozenset(" \t\r\n([{⟨⦃,@←↑¬-")
# Words that make Lean run a term of the text, or that such a term may consist of.
RUNS_TERMS = re.compile(rf"config|\(\s*{NAME}\s*:=|aesop|Syntax|Unhygienic|mkIdent|mkNode|MVarId|`\(")
# Words that can change what numerals and operators mean, and so what `#eval 1 + 1` runs.
_CHANGES_NUMERALS = re.compile(r"instance|notation|infix|prefix|postfix|macro|deriving|attribute|@\[|open\s+Lean")
# Words that define something with code, even inside another definition. They may begin anywhere: after a number, or in
# a longer word like `irreducible_def`. The default value of a field of a structure is code, too.
_HAS_CODE = re.compile(rf"(?:def|abbrev|instance|structure|class|where|let\s+rec)(?![{WORD_CHARS}])")
_ORACLE = "|".join(sorted(ORACLES))
_USED_ORACLE = re.compile(rf"oracle\s*:=\s*\.(?:{_ORACLE})")
# What gives a word of `CONSTANTS` a meaning of the text's own: a definition, a member (a local definition, or a field),
# or a renaming.
_LAST_PARTS = "|".join(sorted({name.rpartition(".")[2] for name in CONSTANTS}))
_CONSTANT = rf"«?({_LAST_PARTS})»?(?![{WORD_CHARS}]|\.[^{{])"
_OWN_CONSTANT = re.compile(rf"(?:def|abbrev|rec|alias|instance(?:\s*\(.{{0,200}}?\))?)\s+((?:{NAME}\.)?){_CONSTANT}")
_OWN_MEMBER = re.compile(rf"(?:where\s+|\n[ \t]*|[;,][ \t]*){_CONSTANT}(?=\s*[:(\[{{⦃])")
_RENAMED_CONSTANT = re.compile(rf"(?:→|->)\s*{_CONSTANT}")
# A declaration with a name like that of a type: its members would be constants of that type.
_LIKE_TYPE = re.compile(rf"(?:def|abbrev|instance|theorem|lemma)\s+(?:{NAME}\.)?«?[A-Z]")
# Namespaces of Lean's own machinery. While one is open, a text can name the machinery without a prefix.
_MACHINERY = re.compile(rf"(?<![{WORD_CHARS}.])(?:Lean|Lake|Qq|Elab|Meta|Aesop)(?![{WORD_CHARS}])")
# The text that follows `unsafe` in a definition. (A definition that nothing names may pass, but only without an
# attribute before `unsafe`: an attribute could make Lean use the definition.)
_DEFINED = re.compile(r"[ \t]+(?:def|abbrev)[ \t]+([A-Za-z_][A-Za-z0-9_']*)(?=[\s:({])")
# The whole text is searched for the names of this many definitions with `unsafe`; no honest text has more of them.
_MOST_UNSAFE = 10


class Code:
    """The code of one text, and facts about this code together with the text that runs before it.

    A submission runs after its statement, so what the statement declares or opens counts for the submission too.

    Args:
        text: the code of the text (see `masking`).
        ahead: the text that runs before it, with comments and strings; empty if there is none.
        is_front: whether another text runs after this one.
    """

    def __init__(self, text: str, ahead: str = "", *, is_front: bool = False) -> None:
        self.text = text
        self._ahead = ahead
        self._is_front = is_front
        self._unsafe = 0

    @cached_property
    def ahead(self) -> str:
        """The code of the text that runs before this one."""
        return mask(self._ahead).code if self._ahead else ""

    @cached_property
    def whole(self) -> str:
        """All the code: of the text that runs before, and of the text itself."""
        return f"{self.ahead}\n{self.text}" if self.ahead else self.text

    @cached_property
    def own_types(self) -> frozenset[str]:
        """The last components of the names of the types that the code declares."""
        return frozenset(name.translate(_NAME_MARKS).rpartition(".")[2] for name in _OWN.findall(self.whole))

    @cached_property
    def has_std(self) -> bool:
        """Whether the code may use Lean's library `Std`."""
        return "Std" in self.whole

    @cached_property
    def has_lean(self) -> bool:
        """Whether the code may name Lean's own machinery."""
        return "Lean" in self.whole

    @cached_property
    def runs_terms(self) -> bool:
        """Whether something in the code may make Lean run a term."""
        return RUNS_TERMS.search(self.whole) is not None

    @cached_property
    def is_behind_machinery(self) -> bool:
        """Whether the text before may have opened a namespace of Lean's own machinery."""
        # Most texts do not name the machinery even in comments; the first search saves masking them.
        return bool(_MACHINERY.search(self._ahead) and _MACHINERY.search(self.ahead))

    @cached_property
    def changes_numerals(self) -> bool:
        """Whether the code may change what numerals and operators mean."""
        return _CHANGES_NUMERALS.search(self.whole) is not None

    @cached_property
    def has_definitions(self) -> bool:
        """Whether the code defines something that could be run."""
        return _HAS_CODE.search(self.whole) is not None

    @cached_property
    def may_define_oracles(self) -> bool:
        """Whether the code has the name of an oracle of `linarith` where no configuration uses it."""
        return len(re.findall(_ORACLE, self.whole)) != len(_USED_ORACLE.findall(self.whole))

    def may_mean_own(self, constant: str) -> bool:
        """Whether a name in `CONSTANTS` may mean something of the text's own."""
        own, own_of_types = self._own_constants
        return constant in own or ("." in constant and constant.rpartition(".")[2] in own_of_types)

    @cached_property
    def _own_constants(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names in `CONSTANTS` without a dot that the text may define, and the last parts of those with a dot.

        `.all` is a constant of the type that is expected. So a definition matters only if its own name has a type's.
        """
        defined, members = _OWN_CONSTANT.findall(self.whole), _OWN_MEMBER.findall(self.whole)
        renamed = _RENAMED_CONSTANT.findall(self.whole) if "renaming" in self.whole else []
        of_types = [name for prefix, name in defined if prefix or "namespace" in self.whole]
        of_types += members if _LIKE_TYPE.search(self.whole) else []
        own = [*(name for _, name in defined), *members, *renamed, *(["default"] if "Inhabited" in self.whole else [])]
        return frozenset(own), frozenset([*of_types, *renamed])

    def defines_unused(self, start: int, end: int) -> bool:
        """Whether the `unsafe` at a place begins a definition that nothing else names, so that its code never runs.

        Only the first `_MOST_UNSAFE` definitions of a text are looked for. If another text runs after this one, the
        answer is no, because that text may name the definition.
        """
        self._unsafe += 1
        if self._is_front or self._unsafe > _MOST_UNSAFE:
            return False
        before = self.text[:start].rstrip(" \t")
        defined = _DEFINED.match(self.text, end)
        if defined is None or before[-1:] not in ("", "\n") or before.rstrip()[-1:] == "]":
            return False
        return sum(self._may_name(run, defined[1]) for run in _RUN.finditer(self.text)) == 1

    def _may_name(self, run: re.Match[str], name: str) -> bool:
        """Whether a piece of text may refer to `name`.

        If the piece is certainly a name, one of its components must be `name`. Otherwise it must contain `name`.
        """
        is_name = (run.start() == 0 or self.text[run.start() - 1] in BEFORE_NAME) and _NAME.fullmatch(run[0])
        return name in (run[0].translate(_NAME_MARKS).split(".") if is_name else run[0])
