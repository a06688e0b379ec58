"""The tokenizer: what is code and what is not, compared with a slow one; and normal forms that change no meaning."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from farm.lexer import DOUBTFUL, UNCLOSED, Token, tokens
from farm.normal_form import normal_form
from tests.support.slow_lexer import slow_tokens

MARKS = """-- /- -/ /-- /-! " \\ \\" ' '"' 'a' '\\'' '\\x41' « » r" r#" "# s!" { } {x} . : := => ( ) [ ] // - / | #"""
NAMES = "x x' é axiom Foo.bar #eval 0b1 0x 1e5 1.5 .1 , ; ! ? λ Σ α ₁ ⟨ ⟩ ℝ ⁻¹ \t"
SPACES = [" ", "\n", "\r\n", "  \n", "\n\n", "  "]
PIECES = st.sampled_from([*MARKS.split(), *NAMES.split(" "), *SPACES])
TEXTS = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40)


def shown(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in tokens(text)]


def words(text: str) -> list[str]:
    return [piece for kind, piece in shown(text) if kind in ("word", "hash")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("-- axiom\nx", ["x"]),
        ("/- a /- b -/ c -/ x", ["x"]),
        ("/-- doc -/ x", ["x"]),
        ('"axiom" x', ["x"]),
        (r'"\" axiom" x', ["x"]),
        ('"a\\\n   b" x', ["x"]),
        ('r"\\" x', ["x"]),
        ('r#"a"b"# x', ["x"]),
        ("'\"' x", ["x"]),
        (r"'\'' x", ["x"]),
        ("x' y'' f '' s", ["x'", "y''", "f", "s"]),
        ("«a axiom b».c x", ["«a axiom b».c", "x"]),
        ('s!"a {x} b {y} c" z', ["s!", "x", "y", "z"]),
        ('s!"a \\{x} b" z', ["s!", "z"]),
        ('xs!"{y" z', ["xs!", "y", "z"]),
        ("h.1.le h.2' 3.5 1e5", [["h", "1", "le"][0], "le", "h"]),
        ("f 0b1axiom", ["f", "axiom"]),
        ("f 1.e5axiom", ["f", "axiom"]),
        ("λaxiom", ["axiom"]),
        ("éaxiom", ["axiom"]),
        ("axiom«c»", ["axiom", "«c»"]),
        ("#eval x #exit", ["#eval", "x", "#exit"]),
        ("IO.println foo.axiom", ["IO.println", "foo.axiom"]),
    ],
)
def test_what_is_code(text: str, seen: list[str]) -> None:
    assert words(text) == seen


@pytest.mark.parametrize("text", ["/- a", "/- a /- b -/", "/-- a", '"a', '"a\\"', 'r#"a"', "«a", "«a\nb»"])
def test_what_never_ends_is_a_result(text: str) -> None:
    assert list(tokens(f"x {text}"))[-1] == (UNCLOSED, 2, len(text) + 2)


@given(TEXTS)
@settings(max_examples=2000)
@example("3'\"'")
@example("3'/'/- x")
@example("\u03a2")  # no character to Unicode, a letter to Lean
@example("\u1810")  # a digit to Unicode, none to Lean
def test_the_fast_tokenizer_says_what_the_slow_one_says(text: str) -> None:
    fast = list(tokens(text))
    assert all(0 <= start <= end <= len(text) for _, start, end in fast)
    if any(kind == DOUBTFUL for kind, _, _ in fast):
        return
    plain = [token for token in fast if not _in_a_string(token, fast)]
    slow = slow_tokens(text)
    if UNCLOSED in {kind for kind, _, _ in fast}:
        assert slow[-1][0] == UNCLOSED
    else:
        assert [tuple(token) for token in plain] == slow


def _in_a_string(token: Token, all_tokens: list[Token]) -> bool:
    """Words in the braces of a string that is none of Lean's interpolated ones come twice."""
    return any(kind == "string" and start < token[1] and token[2] < end for kind, start, end in all_tokens)


@given(TEXTS)
@settings(max_examples=2000)
def test_without_code_the_same_strings_and_comments_are_found(text: str) -> None:
    whole, quick = list(tokens(text)), list(tokens(text, code=False))
    if {DOUBTFUL, UNCLOSED} & {kind for kind, _, _ in whole + quick}:
        return

    # Not characters: whether `0b1'a'` ends with one decides nothing else.
    opaque = {"string", "line", "block", "doc"}
    assert [t for t in whole if t.kind in opaque] == [t for t in quick if t.kind in opaque]


@given(TEXTS)
@settings(max_examples=1500)
@example("'  \n'")  # without the spaces, a character
@example("'-- x\n\n'")
def test_a_normal_form_keeps_every_token_and_its_column(text: str) -> None:
    normal = normal_form(text)
    if {DOUBTFUL, UNCLOSED} & {kind for kind, _, _ in tokens(text, code=False)}:
        assert normal == text
        return

    assert _layout(normal) == _layout(text)
    assert normal_form(normal) == normal


def _layout(text: str) -> list[tuple[str, int, bool]]:
    """Each token with its column and whether it is the first on its line; strings and documentation as they are."""
    found: list[tuple[str, int, bool]] = []
    end = 0
    for kind, start, stop in slow_tokens(text):
        if kind in ("line", "block"):
            continue
        first = "\n" in text[end:start] or not found
        found.append((text[start:stop], start - text.rfind("\n", 0, start) - 1, first))
        end = stop
    return found


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("theorem a : 1 = 1 := by\n  rfl", "theorem a : 1 = 1 := by\n  rfl"),
        ("a -- why\nb", "a\nb"),
        ("a /- why -/ b", "a           b"),
        ("a /- why\n so -/ b\n", "a\n       b"),
        ("\n\n  a  \r\n\r\nb   \n\n", "  a\nb"),
        ("/-- doc  \n\n -/ a", "/-- doc  \n\n -/ a"),
        ('"a -- b  \n\n" c', '"a -- b  \n\n" c'),
        ("a \t\nb", "a \t\nb"),
        ("a /- open", "a /- open"),
        ("a \r\r\nb", "a \r\r\nb"),
    ],
)
def test_normal_forms(text: str, normal: str) -> None:
    assert normal_form(text) == normal


def test_a_text_without_any_of_it_is_returned_as_the_same_object() -> None:
    text = "theorem a (n : ℕ) : n = n := by\n  intro x'\n  exact rfl"

    assert normal_form(text) is text


IN_DOUBT = [
    # Lean reports an error at such a backslash, and reads the rest of the string as code.
    r'"\axiom c" x',
    r'"\x4 axiom c" x',
    r'"\u00e axiom c" x',
    r'"\{" x',
    r's!"{1} \q" x',
    '"a\\\n  axiom c" x',
    "x /- a --/ b",
    "/-/ a -/",
    "/--/ a",
    "/-!/ a -/",
    "/-- -- a -/ b",
    "/-- -- a\n-- b -/ c\n-/",
    "/-! /- a -/ -/",
    "/--\ta -/",
    "{x //- axiom -/ 1}",
    "x <-- y",
    "x |-- y",
    "x \\-- y",
    "é-- y",
    "x #-- y",
    "x .-- y",
    "1e-- y",
    "1.5E-- y",
    "f ⁻¹'\"' x",
    "f ×'\"' x",
    "f ∑'-' x",
    "f ×'=' -- a",
    "f ''\"' x",
    "f '''",
    "f ''a'",
    "'\n'",
    "'-- a",
    "'a-- b",
    "=' x'-- b",
    '\' "a"',
    "'\\ a",
    "1'\"'",
    "0xa'b'",
    "x'\"'",
    "x'\n' y",
    'r"\\"',
    'r#"a"b"#',
    'r#"\\"#',
    'x"a"',
    'x.r"a"',
    '1r"a"',
    '«a»"b"',
    '#"a"',
    '"{a /- }"',
    '"{a -- }"',
    "\"{'a'}\"",
    '"{ {a} }"',
    '"{«a»}"',
    '"{a \\ b}"',
    'dbg_trace "{f "} " ++ x ++ "{g "}"',
    "√«--»",
]
CERTAIN = [
    ("/- a --- b -/ c", ["/- a --- b -/"]),
    ("/- // a / b - c -/ d", ["/- // a / b - c -/"]),
    ("/- a /- b -/ c -/ d", ["/- a /- b -/ c -/"]),
    ("/-----\na\n-----/ b", None),
    ("/-- a - b -- c -/ d", ["/-- a - b -- c -/"]),
    ("/-- -- a\n b -/ c", ["/-- -- a\n b -/"]),
    ("x +-- a", ["-- a"]),
    ("x <;>-- a", ["-- a"]),
    ("·-- a", ["-- a"]),
    ("x :=-- a", ["-- a"]),
    ("x)/- a -/", ["/- a -/"]),
    ("x'-- a", ["-- a"]),
    ("h₁e-- a", ["-- a"]),
    ("(x)--- a", ["--- a"]),
    ("x - -y / z", []),
    ("x' y'' z'''", []),
    ("hx'y' = x'y'z'", []),
    ("f '' s", []),
    ("f ⁻¹' s", []),
    ("'a''b'", ["'a'", "'b'"]),
    ("='\"'", ["'\"'"]),
    ("'\\'' x", ["'\\''"]),
    ('r"a" r#"b"#', ['r"a"', 'r#"b"#']),
    ('s!"a {x} {y + 1} {a - b} {a / b}"', ['"a {x} {y + 1} {a - b} {a / b}"']),
    ('"a } b"', ['"a } b"']),
    (r'"\\ \" \' \n \r \t \x4a \u00e9" x', [r'"\\ \" \' \n \r \t \x4a \u00e9"']),
    (r's!"\{ \n" x', [r'"\{ \n"']),
    ('++"a"="b"', ['"a"', '"b"']),
    ("«a -- b» c", []),
    ('x.«a " b» c', []),
    ("`«a» c", []),
]


@pytest.mark.parametrize("text", IN_DOUBT)
def test_what_some_lean_reads_otherwise_is_in_doubt(text: str) -> None:
    assert DOUBTFUL in {kind for kind, _, _ in tokens(text)}


@pytest.mark.parametrize(("text", "seen"), CERTAIN)
def test_what_every_lean_reads_alike_is_not(text: str, seen: list[str] | None) -> None:
    found = list(tokens(text, code=False))

    if seen is not None:
        assert [text[start:end] for _, start, end in found] == seen


@pytest.mark.timeout(30)
def test_a_megabyte_of_line_comments_in_a_documentation_comment_is_read_at_once() -> None:
    """It took minutes when each of the comments was searched to the end of the text."""
    text = "/--" + "--a\n" * 250_000

    assert [kind for kind, *_ in tokens(text)] == [UNCLOSED]


@pytest.mark.timeout(30)
def test_a_megabyte_of_spaces_has_its_normal_form_at_once() -> None:
    assert normal_form("a \n" + " " * 1_000_000 + "x") == "a\n" + " " * 1_000_000 + "x"
