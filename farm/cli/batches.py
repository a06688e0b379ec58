"""`farm batches`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.live import Live

from farm.cli.batch_names import find_batch
from farm.cli.output import JsonOption, connect, console, show_json, show_json_line, show_line, show_table, show_text
from farm.cli.tables import Sheet, render
from farm.client import Farm
from farm.errors import InvalidRequest
from farm.models import BatchStatus

COLUMNS = ("batch", "state", "done", "accepted", "rejected", "undecided", "created", "label", "tags")
_POLL_S = 1.0


def batches(
    batch: Annotated[
        str | None, typer.Argument(metavar="[BATCH]", help="The batch to show: its id, or a beginning of it.")
    ] = None,
    item: Annotated[int | None, typer.Option(help="Show one proof of the batch, with its source and verdict.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many batches to list.")] = 20,
    label: Annotated[str | None, typer.Option(help="List those with this label.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="List those with this tag; if repeated, those with all of the tags.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep showing changes, or show one batch until it ends.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List batches, or show one.

    Example: `farm batches --tag nightly --follow`, `farm batches 6f1c --item 3`.
    """
    if item is not None and (batch is None or follow):
        raise InvalidRequest("--item shows one proof: name its batch before it, and leave out --follow")
    with connect() as farm:
        name = batch and find_batch(farm, batch)
        if name and item is not None:
            _show_item(farm, name, item, as_json)
            return

        def look() -> list[BatchStatus]:
            return [farm.batch(name).status()] if name else farm.batches(limit, label=label, tags=tag or ())

        if follow:
            _follow(look, has_end=bool(name), as_json=as_json)
        elif as_json:
            show_json([each.model_dump(mode="json") for each in look()])
        else:
            show_table(COLUMNS, list(map(_row, look())))


def _row(status: BatchStatus) -> tuple[Any, ...]:
    created = datetime.fromtimestamp(status.created_at).isoformat(" ", "seconds")
    counts = status.counts
    decided = (counts.accepted, counts.rejected, counts.undecided)
    share = f"{status.done}/{status.total}"
    return (status.batch_id, status.state.value, share, *decided, created, status.label or "", " ".join(status.tags))


def _follow(look: Callable[[], list[BatchStatus]], *, has_end: bool, as_json: bool) -> None:
    """Show every change of the batches until Ctrl-C, or, if `has_end`, until they are finished."""
    is_watched = console.is_terminal and not as_json
    try:
        if not is_watched:
            _print_changes(_looks(look, has_end=has_end), as_json)
            return
        with Live(console=console, auto_refresh=False) as live:
            for statuses in _looks(look, has_end=has_end):
                rows = [[str(cell) for cell in _row(each)] for each in statuses]
                live.update(render(Sheet(COLUMNS, rows), console.width), refresh=True)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _print_changes(looks: Iterator[list[BatchStatus]], as_json: bool) -> None:
    """Print a line for each batch that is new, or whose status has changed since the last look."""
    before: dict[str, BatchStatus] = {}
    if not as_json:
        show_line(COLUMNS)
    for found in looks:
        for each in found:
            if before.get(each.batch_id) == each:
                continue
            if as_json:
                show_json_line(each.model_dump(mode="json"))
            else:
                show_line(_row(each))
        before = {each.batch_id: each for each in found}


def _looks(look: Callable[[], list[BatchStatus]], *, has_end: bool) -> Iterator[list[BatchStatus]]:
    """Ask for the batches' statuses every second, and yield them whenever one has changed.

    If `has_end`, this ends once all batches are finished.
    """
    before: list[BatchStatus] | None = None
    while True:
        found = look()
        if found != before:
            yield found
        if has_end and all(each.finished for each in found):
            return
        before = found
        time.sleep(_POLL_S)


def _show_item(farm: Farm, batch_id: str, index: int, as_json: bool) -> None:
    found = farm.batch(batch_id).item(index)
    if as_json or found.verdict is None:
        show_json(found.model_dump(mode="json", by_alias=True))
        return
    show_text(found.proof.code)
    show_text(f"-- {found.verdict.outcome.value} {found.verdict.reason or ''}")
    for message in found.verdict.messages:
        where = f"{message.pos.line}:{message.pos.column}: " if message.pos else ""
        show_text(f"{where}{message.severity}: {message.data}")
