"""Toolchains that are known to be unsound: their kernels can be made to accept a proof of `False`.

Each fault affects every version before the one that fixes it. The table follows Lean's release notes and issues as of
November 2026; a new fault is a new row. The faults that 4.34.1 fixes (lean4#15241, lean4#15289) have no row: its
release notes mention no proof of `False` through them, and using them takes more memory than a REPL gets.
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
        name: the issue or change that describes it.
        what: the error in the kernel.
        source: where it is documented.
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
    Fault((4, 33, 1), "lean4#14807", "`is_prop` takes a stuck type for no proposition", f"{_RELEASES}/v4.33.1/"),
    Fault((4, 33, 1), "lean4#14838", "a reference count that overflows", f"{_RELEASES}/v4.33.1/"),
    # These notes call 4.33.1 unsound, though it has the fixes they name (cited in cryspen/hax#2254). We believe them.
    Fault((4, 34, 0), "notes of v4.34.0", "all versions before are called unsound", f"{_RELEASES}/v4.34.0/"),
)


def faults(version: str | None) -> list[Fault]:
    """Return the known faults of a toolchain; none for a version that cannot be read.

    Args:
        version: a version such as `v4.32.0`, as in `Environment.lean_version`; a release candidate counts as older than
            its release.
    """
    found = _VERSION.fullmatch(version or "")
    if not found:
        return []
    major, minor, patch = map(int, found.groups()[:3])
    is_release = found[4] is None
    return [fault for fault in FAULTS if ((major, minor, patch), is_release) < (fault.mended, True)]


def warning(version: str | None) -> str:
    """Return a warning for users of a toolchain; empty if no fault is known."""
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
