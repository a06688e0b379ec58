"""`farm batches`, `farm export`, `farm rerun`; and batches named by the beginning of their ids."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live

from farm.cli.output import connect, console, progress_bar, show_json, show_json_line, show_line, show_table, tell
from farm.cli.tables import Sheet, render
from farm.cli.verdicts import row_of, rows_writer
from farm.client import Farm
from farm.client.manifest import identify
from farm.errors import InvalidRequest, NotFound
from farm.models import BatchStatus

JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="Its id, or a beginning that no other has.")]
LabelOption = Annotated[str | None, typer.Option(help="What the batch is called, in every list.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; may be given several times.")]

COLUMNS = ("batch", "state", "done", "accepted", "rejected", "undecided", "created", "label", "tags")
_ID = re.compile(r"[0-9a-f]{32}")
_BEGINNING = re.compile(r"[0-9a-f]{1,31}")
_POLL_S = 1.0
_MOST_CANDIDATES = 5


def find_batch(farm: Farm, name: str) -> str:
    """Return the id of the batch that an id or its beginning means.

    Raises:
        NotFound: none of the key's batches begins so.
        InvalidRequest: several do; the text lists them.
    """
    if _ID.fullmatch(name) or not _BEGINNING.fullmatch(name):
        return name
    there = farm.batches(limit=_MOST_CANDIDATES + 1, prefix=name)
    # A farm of an older release lists all.
    found = [each for each in there if each.batch_id.startswith(name)]
    if not found:
        raise NotFound(f"No batch begins with {name!r}: `farm batches` lists yours")
    if len(found) > 1:
        shown = ", ".join(_called(each) for each in found[:_MOST_CANDIDATES])
        more = " and others" if len(found) > _MOST_CANDIDATES else ""
        raise InvalidRequest(f"{name!r} begins several batches: {shown}{more}; give more of the id")
    return found[0].batch_id


def _called(status: BatchStatus) -> str:
    return f"{status.batch_id} ({status.label})" if status.label else status.batch_id


def batches(
    batch: Annotated[
        str | None, typer.Argument(metavar="[BATCH]", help="One to look into: its id, or a beginning of it.")
    ] = None,
    item: Annotated[int | None, typer.Option(help="Show one proof of the batch, with its source and verdict.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many batches to list.")] = 20,
    label: Annotated[str | None, typer.Option(help="List those with this label.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="List those with this tag; several: with all of them.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on showing what changes; a batch to its end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List batches, or look into one.

    Example: `farm batches --tag nightly --follow`, `farm batches 6f1c --item 3`.
    """
    if item is not None and (batch is None or follow):
        raise InvalidRequest("--item shows one proof of the batch that is named in front of it, and does not follow")
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
    """Show what changes, until all is finished where that is an end, or Ctrl-C."""
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
    """Print a line for each batch that is not as it was."""
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
    """Yield what is there whenever it is not what it was."""
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
    console.print(found.proof.code, markup=False, highlight=False)
    console.print(f"-- {found.verdict.outcome.value} {found.verdict.reason or ''}", highlight=False)
    for message in found.verdict.messages:
        where = f"{message.pos.line}:{message.pos.column}: " if message.pos else ""
        console.print(f"{where}{message.severity}: {message.data}", markup=False, highlight=False)


def export(
    batch: BatchArgument,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Parquet.")] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="FILE", help="Write lines of JSON.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a batch's verdicts to a file, each with its problem, in the order of the proofs.

    Example: `farm export 6f1c --parquet nightly.parquet`. The columns are those of `farm verify --output`, and `batch`,
    `label` and `tags`.
    """
    if (path := parquet or jsonl) is None or (parquet and jsonl):
        raise InvalidRequest("farm export writes one file: say --parquet FILE or --jsonl FILE")
    write = rows_writer(path, is_parquet=parquet is not None)
    with connect() as farm, progress_bar(as_json) as bar:
        found = farm.batch(find_batch(farm, batch))
        status = found.status()
        names = {"batch": status.batch_id, "label": status.label, "tags": status.tags}
        items = bar.track(found.items(), total=status.total, description="reading")
        count = write(row_of(each.verdict, identify(each.proof, each.index)) | names for each in items if each.verdict)
    if as_json:
        show_json({"batch_id": status.batch_id, "file": str(path), "rows": count, "total": status.total})
    else:
        left = status.total - count
        tell(f"{path}: {count} verdicts" + (f"; {left} proofs have none yet" if left else ""))


def rerun(
    batch: BatchArgument,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Run those again that the farm did not decide.")
    ] = False,
    label: LabelOption = None,
    tag: TagOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run proofs of a finished batch again, as a new batch with its options, label and tags; ids stay.

    Example: `farm rerun 6f1c --undecided --tag retry`.
    """
    if not undecided:
        raise InvalidRequest("farm rerun needs to know which proofs: say --undecided")
    with connect() as farm:
        old = find_batch(farm, batch)
        status = farm.batch(old).rerun(label=label, tags=tag).status()
    if as_json:
        show_json(status.model_dump(mode="json"))
    else:
        tell(f"{status.batch_id}: {status.total} proofs of {old}; `farm batches {status.batch_id[:8]} --follow`")
