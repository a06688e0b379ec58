"""`farm revoke`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import JsonOption, show_json, show_table, tell
from farm.cli.store import open_store
from farm.errors import InvalidRequest

if TYPE_CHECKING:
    from farm.store.revocation import Bad


def revoke(
    policy: Annotated[str, typer.Option(help="A policy version that is bad.")] = "",
    checker: Annotated[str, typer.Option(help="The version of a bad external checker, as verdicts name it.")] = "",
    toolchain: Annotated[str, typer.Option(help="A Lean version that is bad, such as v4.29.0.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the verdicts, and change nothing.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Allow it again; verdicts stay marked.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Declare a policy, checker or toolchain bad: stop using it, mark its verdicts, and drop their cached copies.

    The marked verdicts are listed. Without an option, this command lists what is declared bad.
    """
    from farm.store.cache import purge_cache
    from farm.store.revocation import Revocation

    client = open_store("farm revoke").client
    revocation = Revocation(client)
    if not (policy or checker or toolchain):
        _show_declared(revocation.declared(), as_json)
        return
    bad = _only(policy=policy, checker=checker, toolchain=toolchain)
    if withdraw:
        _show_withdrawn(bad, revocation.withdraw(bad), as_json)
        return
    forgotten = 0
    if not dry_run:
        # The declaration comes first: after it no verdict rests on the bad version, so the next steps find everything.
        revocation.declare(bad)
        forgotten = purge_cache(client, policy=policy, checker=checker, toolchain=toolchain)
    found = [asdict(each) for each in revocation.find(bad, mark=not dry_run)]
    if as_json:
        show_json({"verdicts": found, "forgotten": forgotten})
        return
    show_table(("key", "batch", "index", "proof", "outcome", "level"), [tuple(row.values()) for row in found])
    tell(f"{bad}: {len(found)} verdicts {'rest on it' if dry_run else 'revoked'}, {forgotten} forgotten by the cache")


def _show_declared(declared: Iterable[Bad], as_json: bool) -> None:
    found = [(str(bad.basis), bad.version) for bad in declared]
    if as_json:
        show_json([{"what": what, "version": version} for what, version in found])
    else:
        show_table(("what", "version"), found)


def _show_withdrawn(bad: Bad, was_declared: bool, as_json: bool) -> None:
    if as_json:
        show_json({"what": str(bad.basis), "version": bad.version, "withdrawn": was_declared})
    else:
        tell(f"{bad}: {'allowed again' if was_declared else 'was not declared bad'}")


def _only(**versions: str) -> Bad:
    from farm.store.revocation import Bad, Basis

    given = [Bad(Basis(basis), version) for basis, version in versions.items() if version]
    if len(given) != 1:
        raise InvalidRequest("Give one option at a time: --policy, --checker or --toolchain")
    return given[0]
