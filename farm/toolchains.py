"""Toolchains that are known to be unsound: their kernels can be made to accept a proof of `False`.

Each fault affects all versions before the version that fixes it. The table follows Lean's release notes and issues as
of November 2026. A new fault gets a new row. The faults that version 4.34.1 fixes (lean4#15241, lean4#15289) have no
row: the release notes mention no proof of `False` through these faults, and using them takes more memory than a REPL
gets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_RELEASES = "https://lean-lang.org/doc/reference/latest/releases"
_VERSION = re.compile(r"(?:\S+:)?v?(\d+)\.(\d+)\.(\d+)(-(?:rc|m)\d+)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to a proof of `False`.

    Attributes:
        mended: the first version without the fault.
        name: the issue or change that describes the fault.
        what: the error in the kernel.
        source: where the fault is documented.
    """

    mended: tuple[int, int, int]
    name: str
    what: str
    source: str


FAULTS = (
    Fault((4, 32, 1), "lean4#14484", "the value of an `opaque` may hold free variables", f"{_RELEASES}/v4.32.1/"),
    Fault((4, 32, 2), "lean4#14577", "phantom parameters of nested inductive types", f"{_RELEASES}/v4.32.2/"),
    Fault((4, 33, 0), "lean4#14613", "universe levels that normalise to `Prop`", f"{_RELEASES}/v4.33.0/"),
    Fault((4, 33, 1), "lean4#14806", "definitional equality depends on earlier queries", f"{_RELEASES}/v4.33.1/"),
    Fault((4, 33, 1), "lean4#14807", "`is_prop` takes a stuck type for a non-proposition", f"{_RELEASES}/v4.33.1/"),
    Fault((4, 33, 1), "lean4#14838", "a reference count that overflows", f"{_RELEASES}/v4.33.1/"),
    # These notes call 4.33.1 unsound, although it has the fixes that they name (cited in cryspen/hax#2254). The table
    # follows the notes.
    Fault((4, 34, 0), "notes of v4.34.0", "all earlier versions are called unsound", f"{_RELEASES}/v4.34.0/"),
)


def faults(version: str | None) -> list[Fault]:
    """Return the known faults of a toolchain; return none if its version cannot be read.

    Args:
        version: a version such as `v4.32.0`, in the form of `Environment.lean_version`. A release candidate counts as
            older than its release.
    """
    found = _VERSION.fullmatch(version or "")
    if not found:
        return []
    major, minor, patch = map(int, found.groups()[:3])
    is_release = found[4] is None
    return [fault for fault in FAULTS if ((major, minor, patch), is_release) < (fault.mended, True)]


def warning(version: str | None) -> str:
    """Return a warning for the users of a toolchain; empty if no fault of it is known."""
    known = faults(version)
    return f"{trouble(version, known)}. {advice(known)}" if known else ""


def trouble(version: str | None, known: Sequence[Fault]) -> str:
    """Return what is wrong with a toolchain that has these faults."""
    names = ", ".join(fault.name for fault in known)
    return f"Lean {version} is known to be unsound: its kernel can be made to accept a proof of False ({names})"


def advice(known: Sequence[Fault]) -> str:
    """Return what to do about a toolchain with these faults."""
    sound = "v" + ".".join(map(str, max(fault.mended for fault in known)))
    return f"Use {sound} or later; until then nothing is `attested`"
