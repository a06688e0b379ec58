"""`farm export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.batch_names import BatchArgument, find_batch
from farm.cli.output import JsonOption, connect, progress_bar, show_json, tell
from farm.cli.verdicts import rows_writer
from farm.client.manifest import identify
from farm.errors import InvalidRequest
from farm.verdict_rows import row_of


def export(
    batch: BatchArgument,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Parquet.")] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="FILE", help="Write lines of JSON.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a batch's verdicts to a file, each with its problem, in the order of the proofs.

    Example: `farm export 6f1c --parquet nightly.parquet`. The columns are those of `farm verify --output`, plus
    `batch`, `label` and `tags`.
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
        tell(f"{path}: {count} verdicts" + (f"; proofs without a verdict yet: {left}" if left else ""))
