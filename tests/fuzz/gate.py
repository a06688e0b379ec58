"""Fuzzing of tokenizer, gate and normal forms with atheris: `make fuzz`, or `python tests/fuzz/gate.py -runs=N`.

Every input has to be read without an error. Where nothing is in doubt, the fast tokenizer has to agree with the slow
one, the gate has to refuse the words that the slow one sees, and the normal form of a normal form has to exist.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(
    include=["farm.lexer", "farm.declarations", "farm.statement", "workers.lean.gate.strict"]
):
    from farm.declarations import declaration
    from farm.lexer import DOUBTFUL, UNCLOSED, tokens
    from farm.normal_form import normal_form
    from farm.statement import read_statement
    from workers.lean.gate.strict import place, refuse

from tests.support.slow_lexer import slow_tokens

_MARKS = '-- /- -/ /-- /-! " \\ \' \'"\' « » r" r#" "# s!" { } . : := ( ) [ ] // - / # @[ , x x\' 0b1 0xa 1e5 é λ α ₁'
_WORDS = "axiom #eval #evalx macro run_cmd «csimp» set_option attribute instance import prelude native_decide"
_NAMES = "theorem IO hiding Foo.bar"
_PIECES = (*_MARKS.split(), *_NAMES.split(), *_WORDS.split(), " ", "\n", "\r\n", "  \n", "\n\n", "\t")


def read(data: bytes) -> str:
    """Return the text an input stands for: pieces of Lean by number, or plain text."""
    if data[:1] < b"\xc0":
        return "".join(_PIECES[byte % len(_PIECES)] for byte in data[1:])
    return data[1:].decode(errors="replace")


def check(data: bytes) -> None:
    """Fail where a promise of the tokenizer or the gate does not hold."""
    text = read(data)
    fast, quick = list(tokens(text)), list(tokens(text, code=False))
    in_doubt = {kind for kind, _, _ in fast + quick} & {DOUBTFUL, UNCLOSED}
    refusal = refuse(text)
    with contextlib.suppress(ValueError):
        read_statement(text)
    declaration(text, "Foo.bar")
    normal = normal_form(text)
    if in_doubt & {kind for kind, _, _ in quick}:
        assert refusal is not None, "a doubtful text passed"
        assert normal == text
    if refusal is not None:
        assert 0 <= refusal.start <= refusal.end <= len(text)
        assert place(text, refusal.start).line <= text.count("\n") + 1
    if in_doubt:
        return
    slow = slow_tokens(text)
    strings = [(start, end) for kind, start, end in fast if kind == "string"]
    plain = [token for token in fast if not any(start < token.start and token.end < end for start, end in strings)]
    assert [tuple(token) for token in plain] == slow, "the tokenizers differ"
    words = {text[start:end] for kind, start, end in slow if kind in ("word", "hash")}
    if words & {"axiom", "macro", "run_cmd", "native_decide"} or any(word.startswith("#eval") for word in words):
        assert refusal is not None, "a refused word passed"
    elif refusal is None:
        assert normal_form(normal) == normal


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
