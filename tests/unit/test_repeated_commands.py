"""A file may repeat its statement's commands: what repeats the front is taken out, unless it does something there."""

from __future__ import annotations

import pytest

from farm.models import Proof
from farm.prepared_proof import prepare


def body(front: str, file: str) -> list[str]:
    """Return the lines of the file that run, if both prove one theorem."""
    theorem = "theorem t : 1 = 1"
    prepared = prepare(Proof(statement=f"{front}\n{theorem} := sorry", code=f"{file}\n{theorem} := rfl"))
    assert prepared.objection is None
    return [line for line in prepared.body.splitlines() if line.strip()][:-1]


@pytest.mark.parametrize(
    ("front", "file", "runs"),
    [
        ("include h", "include h\nomit h\ninclude h", ["omit h", "include h"]),
        ("include h", "omit h\ninclude h", ["omit h", "include h"]),
        ("set_option maxRecDepth 9", "set_option maxRecDepth 1\nset_option maxRecDepth 9", None),
        ("def f := 0\nset_option maxRecDepth 9", "open Nat\nset_option maxRecDepth 9", ["open Nat"]),
        ("def f := 0\nopen Nat", "open Nat\nopen Nat", ["open Nat"]),
        ("open Nat\nvariable (n : Nat)", "open Int\nvariable (n : Nat)\nopen Nat", ["open Int"]),
    ],
)
def test_what_a_file_switches_itself_stays_switched(front: str, file: str, runs: list[str] | None) -> None:
    assert body(front, file) == (file.splitlines() if runs is None else runs)


@pytest.mark.parametrize(
    "local",
    [
        "attribute [local simp] f",
        "attribute [-simp] f",
        "attribute [simp, local instance] f",
        "attribute [ext, -simp] f",
        'local notation "x0" => 1',
        "local instance : Inhabited Nat := ⟨1⟩",
        '@[simp] local infixl:65 " +\' " => f',
    ],
)
def test_what_is_local_to_a_closed_section_of_the_front_stays_in_the_files_own(local: str) -> None:
    section = f"section\n{local}\nend"

    assert body(section, section) == section.splitlines()


@pytest.mark.parametrize("local", ["attribute [local simp] f", 'local notation "x0" => 1', "attribute [simp] f"])
def test_what_is_still_in_force_is_taken_out(local: str) -> None:
    assert body(local, local) == []


MUTUAL = "mutual\ndef f : N := g\ndef g : N := f\nend"


def test_a_mutual_block_of_which_nothing_is_left_is_taken_out() -> None:
    assert body(MUTUAL, MUTUAL) == []


def test_a_mutual_block_with_more_in_it_keeps_what_is_the_files_own() -> None:
    file = MUTUAL.replace("end", "def h : N := f\nend")

    assert body(MUTUAL, file) == ["mutual", "def h : N := f", "end"]


@pytest.mark.parametrize(
    ("front", "file", "runs"),
    [
        ("universe u v", "universe v u", []),
        ("universe u v", "universe u\nuniverse v", []),
        ("universe u", "section\nuniverse u\nend\nsection\nuniverse u\nend", ["section", "end"] * 2),
        ("universe u", "universe u v", ["universe   v"]),
        ("section\nuniverse u\nend", "universe u", ["universe u"]),
        ("section\nuniverse u\nend", "section\nuniverse u\nend", ["section", "universe u", "end"]),
    ],
)
def test_no_universe_of_the_front_is_declared_again(front: str, file: str, runs: list[str]) -> None:
    assert body(front, file) == runs
