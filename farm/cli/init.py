"""`farm init`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from farm.allotment import core_limit
from farm.cli.output import show_json, tell
from farm.errors import ConfigurationError
from farm.settings import load_with

_FILE = Path(".env")
_LAKEFILES = ("lakefile.toml", "lakefile.lean")
_PLAIN = re.compile(r"[\w./:@+-]*")
_KEYS_FILE = "api-keys"


class Choice(NamedTuple):
    """A setting for the `.env` file, with the value that the user chose.

    Attributes:
        why: a sentence that explains the choice.
    """

    name: str
    value: str
    why: str


def init(
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and take the defaults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON; asks nothing.")] = False,
) -> None:
    """Ask four questions and write the answers to .env, where `farm up` and every other command find them.

    An existing .env is left as it is.

    Example: `farm init --yes && farm up`.
    """
    if _FILE.exists():
        raise ConfigurationError(f"{_FILE.absolute()} exists already: change it by hand, or move it away first")
    asks = not (yes or as_json)
    choices = [*_users(asks), _project(asks), _processes(asks), _data(asks)]
    # Check the values now, so that a wrong value is refused here and not when the farm starts.
    load_with({choice.name.lower(): choice.value or None for choice in choices})
    lines = [f"# {choice.why}\n{choice.name}={_quoted(choice.value)}\n" for choice in choices]
    _FILE.write_text(
        "# Written by `farm init`; docs/settings.md lists all settings.\n\n" + "\n".join(lines), encoding="utf-8"
    )
    if as_json:
        show_json({"file": str(_FILE.absolute()), "settings": {choice.name: choice.value for choice in choices}})
        return
    for choice in choices:
        tell(f"{choice.name}={choice.value}  {choice.why}")
    is_open = any(choice.name == "API_KEYS_FILE" for choice in choices)
    first = "`farm keys create NAME` makes a key, then " if is_open else ""
    tell(f"{_FILE.absolute()} is written: {first}`farm doctor` says what is missing, and `farm up` starts the farm")


def _users(asks: bool) -> list[Choice]:
    if not asks or not typer.confirm("May others on your network use the farm?", default=False, err=True):
        return [Choice("FARM_HOST", "127.0.0.1", "Only programs on this host reach the farm, so it needs no keys.")]
    return [
        Choice("FARM_HOST", "0.0.0.0", "Others reach the farm over the network."),  # noqa: S104 - they asked for it
        Choice("API_KEYS_FILE", _KEYS_FILE, "Every client needs a key; the file holds only hashes of keys."),
    ]


def _project(asks: bool) -> Choice:
    here = "." if _is_project(Path()) else ""
    text = "Folder of a built Lean project that proofs may import (empty: none)"
    given = typer.prompt(text, default=here, err=True, value_proc=_read_project) if asks else here
    why = (
        "Proofs may import this project, once `lake build` has built it."
        if given
        else "Proofs import only Lean's own modules."
    )
    return Choice("LEAN_PROJECT_DIR", given, why)


def _read_project(text: str) -> str:
    if text and not _is_project(Path(text)):
        raise typer.BadParameter(f"{text} is not a Lean project: it has no {' or '.join(_LAKEFILES)}")
    return text


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _LAKEFILES)


def _processes(asks: bool) -> Choice:
    text = "How many Lean processes (0: one per core, as memory allows)"
    given = typer.prompt(text, default=0, type=int, err=True) if asks else 0
    cores = core_limit()
    why = (
        f"Each judges one proof at a time; this host has {cores} cores."
        if given
        else "One Lean process per core, as memory allows."
    )
    return Choice("LEAN_WORKERS", str(given), why)


def _data(asks: bool) -> Choice:
    text = "Folder for everything the farm keeps"
    given = typer.prompt(text, default=".farm", err=True) if asks else ".farm"
    return Choice("DATA_DIR", given, "Everything the farm keeps is here; it may be deleted while the farm is stopped.")


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
