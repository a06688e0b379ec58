"""`farm resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.output import JsonOption, show_json, show_table, tell
from farm.cli.store import open_store
from farm.errors import NotFound


def resume(
    key: Annotated[str, typer.Argument(help="The key to resume; absent: list the paused keys.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Resume judging the proofs of a paused key. An accepted canary paused the key, so look for the cause first."""
    store = open_store("farm resume")
    from farm.store.pauses import read_paused
    from farm.store.pauses import resume as resume_key

    if not key:
        paused = list(read_paused(store.client).items())
        if as_json:
            show_json([{"key": name, "batch": batch} for name, batch in paused])
        else:
            show_table(("key", "batch with the accepted canary"), paused)
        return
    # Only the pause is ended here. Within seconds the reaper sees that proofs are waiting, and publishes their tokens.
    if not resume_key(store.client, key):
        raise NotFound(f"{key!r} is not paused: `farm resume` lists the paused keys")
    if as_json:
        show_json({"resumed": key})
    else:
        tell(f"{key}: resumed")
