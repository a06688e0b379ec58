"""`farm keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import JsonOption, show_json, show_table, tell
from farm.errors import ConfigurationError
from farm.keys import ALL_SCOPES, Gate, create_key, parse_gate, parse_scopes, read_keys, revoke_key
from farm.settings import load

app = typer.Typer(help="Make, list and revoke API keys in API_KEYS_FILE.", no_args_is_help=True)


def _path() -> Path:
    path = load().api_keys_file
    if path is None:
        raise ConfigurationError("Set API_KEYS_FILE to the file that is to hold the keys' hashes")
    return path


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scopes: Annotated[
        str, typer.Option(help="What the key allows, separated by commas: verify, retrieve, operate, join.")
    ] = ",".join(sorted(ALL_SCOPES)),
    gate: Annotated[
        str, typer.Option(help="`strict`: all the key's proofs must pass the gate; commands and tactics are refused.")
    ] = Gate.OFF.value,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Do nothing if this key exists already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it; this is the only time it is shown."""
    path = _path()
    is_there = if_missing and path.exists() and name in read_keys(path)
    key = None if is_there else create_key(path, name, parse_scopes(scopes), parse_gate(gate))
    if as_json:
        show_json({"name": name, "key": key})
    elif key:
        typer.echo(key)
    else:
        tell(f"there is a key {name!r} already")


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List the names of the keys, and what each allows."""
    keys = read_keys(_path()).values()
    if as_json:
        show_json({key.name: {"scopes": sorted(key.scopes), "gate": key.gate.value} for key in keys})
    else:
        rows = [(key.name, " ".join(sorted(key.scopes)), key.gate.value) for key in keys]
        show_table(("key", "scopes", "gate"), rows)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose key to remove.")], as_json: JsonOption = False) -> None:
    """Remove a key; the API refuses the key from the next request on."""
    revoke_key(_path(), name)
    if as_json:
        show_json({"revoked": name})
