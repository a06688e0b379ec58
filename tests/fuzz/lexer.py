"""The tokenizer against the slow one on random texts, on any Python: `python tests/fuzz/lexer.py [TEXTS] [SEED]`.

It needs nothing installed, so that every Python that pyproject allows can run it. Two that print the same digest cut
the same texts into the same tokens.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).resolve().parents[2]
_MARKS = """-- /- -/ /-- /-! " \\ \\" ' '"' 'a' '\\'' '\\x41' « » r" r#" "# s!" { } {x} . : := => ( ) [ ] // - / | #
'' ''' + <;> · « ««"""
_NAMES = "x x' é axiom Foo.bar #eval 0b1 0x 1e5 1.5 .1 , ; ! ? λ Σ α ₁ ⟨ ⟩ ℝ ⁻¹ \t r s! m! 0xa h.2"
_PIECES = (*_MARKS.split(), *_NAMES.split(" "), " ", "\n", "\r\n", "  \n", "\n\n", "  ")


def load(path: str) -> ModuleType:
    """Return a module of the project without its packages, which not every Python here has."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, _ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(texts: int, seed: int = 1) -> None:
    """Fail at the first text on which the two differ, else print what was compared."""
    fast, slow = load("farm/lexer.py"), load("tests/support/slow_lexer.py")
    chance, digest, compared = random.Random(seed), sha256(), 0
    for _ in range(texts):
        text = "".join(chance.choices(_PIECES, k=chance.randint(1, 16)))
        found = list(fast.tokens(text))
        digest.update(repr(found).encode())
        kinds = {kind for kind, _, _ in found}
        if fast.DOUBTFUL in kinds:
            continue
        compared += 1
        strings = [(start, end) for kind, start, end in found if kind == "string"]
        plain = [tuple(token) for token in found if not any(a < token[1] and token[2] < b for a, b in strings)]
        right = slow.slow_tokens(text)
        same = right[-1:][0][0] == fast.UNCLOSED if fast.UNCLOSED in kinds else plain == right
        assert same, f"the tokenizers differ: {text!r}"
    sys.stdout.write(
        f"Python {sys.version.split()[0]}: {texts} texts, {compared} compared, {digest.hexdigest()[:16]}\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("1000000",)))
