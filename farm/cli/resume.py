"""`farm resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.output import show_table, tell
from farm.cli.store import open_store
from farm.errors import NotFound


def resume(
    key: Annotated[str, typer.Argument(help="Whose proofs to judge again; absent: list who is paused.")] = "",
) -> None:
    """Judge the proofs of a key again that an accepted canary has paused; look for the cause first."""
    store = open_store("farm resume")
    from farm.store.pauses import read_paused
    from farm.store.pauses import resume as resume_key

    if not key:
        show_table(("key", "batch with the accepted canary"), list(read_paused(store.client).items()))
        return
    # Tokens are the reaper's business: it sees within seconds that work waits.
    if not resume_key(store.client, key):
        raise NotFound(f"{key!r} is not paused: `farm resume` lists who is")
    tell(f"{key}: resumed")
