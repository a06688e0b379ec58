"""Long hostile texts are cut in seconds; some of these took minutes, or gigabytes, when each part was copied often."""

from __future__ import annotations

from farm.commands import cut_commands
from farm.declarations import declared
from farm.models import Proof
from farm.prepared_proof import prepare
from farm.signature import read_signature


def test_a_long_word_before_many_keywords() -> None:
    text = "#" + "a" * 500_000 + "\n" + "  open x " * 60_000

    assert len(cut_commands(text).commands) == 1


def test_many_comments_before_a_value() -> None:
    cut = cut_commands("theorem a : x " + "/-a-/" * 150_000 + " := 1")

    assert read_signature(cut, cut.commands[0]).text == "theorem a : x"


def test_a_name_of_many_parts() -> None:
    names = ["a" + ".b" * 500_000, "n.c", *(f"x{index}" for index in range(20))]

    assert declared("def c := 1\n" * 3, names) == {"n.c"}


def test_definitions_on_one_line_do_not_multiply_the_text() -> None:
    """Each definition that the file lacks is inserted before one that it has."""
    numbers = range(5_000)
    statement = "".join(f"def h{n} : Nat := sorry\ndef a{n} : Nat := h{n}\n" for n in numbers)
    code = "".join(f"def h{n} : Nat := 1 " for n in numbers) + "theorem t : h0 = 1 := rfl"

    prepared = prepare(Proof(code=code, statement=statement + "theorem t : h0 = 1 := sorry"))

    assert prepared.objection is None
    assert len(prepared.body) < 3_000_000
