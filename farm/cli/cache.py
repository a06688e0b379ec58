"""`farm cache`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from farm.cli.output import JsonOption, show_json, show_table, tell
from farm.cli.store import open_store
from farm.errors import InvalidRequest

app = typer.Typer(help="Show and purge the verdicts kept for proofs that are sent again.", no_args_is_help=True)


@app.command()
def stats(as_json: JsonOption = False) -> None:
    """Show how many verdicts are kept, and how often a kept verdict was used."""
    store = open_store("farm cache")
    from farm.store.cache import read_cache_stats

    found = asdict(read_cache_stats(store.client))
    if as_json:
        show_json(found)
    else:
        show_table(tuple(found), [tuple(found.values())])


@app.command()
def purge(
    toolchain: Annotated[str, typer.Option(help="Only verdicts of this Lean version, such as v4.29.0.")] = "",
    policy: Annotated[str, typer.Option(help="Only verdicts made under this policy version.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget kept verdicts: a proof runs again when it is next submitted. The verdicts in batches stay as they are."""
    if not (toolchain or policy or everything):
        raise InvalidRequest("Say which: --toolchain, --policy, or --all")
    store = open_store("farm cache")
    from farm.store.cache import purge_cache

    forgotten = purge_cache(store.client, toolchain=toolchain, policy=policy)
    if as_json:
        show_json({"forgotten": forgotten})
    else:
        tell(f"{forgotten} verdicts forgotten")
