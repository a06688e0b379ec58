"""The Lean files of the catalogue: what each proves wrongly, and the verdicts that are right.

A file begins with comment lines: `row`, `statement` (`\\n` for its line ends), `answers` (JSON) if the values of holes
are prescribed, `expect` (the reasons that are right, any of them), `scripted` where the scripted REPL, which is not
Lean, gives another (`-`: it cannot tell), and `why`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from farm import Proof

FOLDER = Path(__file__).with_name("lean")
_KEY = re.compile(r"-- (row|statement|answers|expect|scripted|why): (.*)")


@dataclass(frozen=True)
class Attack:
    """One attack of the catalogue as a Lean file."""

    name: str
    row: int
    proof: Proof
    expect: frozenset[str]
    scripted: frozenset[str]


def attacks() -> list[Attack]:
    """Return every attack, in the catalogue's order."""
    return [_read(path) for path in sorted(FOLDER.glob("*.lean"))]


def _read(path: Path) -> Attack:
    text = path.read_text()
    keys: dict[str, str] = {match[1]: match[2] for line in text.splitlines() if (match := _KEY.fullmatch(line))}
    body = "\n".join(line for line in text.splitlines() if not _KEY.fullmatch(line))
    statement = keys["statement"].replace("\\n", "\n")
    answers = json.loads(keys["answers"]) if "answers" in keys else None
    return Attack(
        name=path.stem,
        row=int(keys["row"]),
        proof=Proof(id=path.stem, code=body, statement=statement, answers=answers),
        expect=frozenset(keys["expect"].split()),
        scripted=frozenset(keys.get("scripted", keys["expect"]).split()),
    )
