"""`farm rerun`."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.batch_names import BatchArgument, LabelOption, TagOption, find_batch
from farm.cli.output import JsonOption, connect, show_json, tell
from farm.errors import InvalidRequest


def rerun(
    batch: BatchArgument,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Run again the proofs that the farm did not decide.")
    ] = False,
    label: LabelOption = None,
    tag: TagOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run proofs of a finished batch again, as a new batch with the same options, label, tags and proof ids.

    `--label` and `--tag` replace the old batch's.

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
        proofs = "1 proof" if status.total == 1 else f"{status.total} proofs"
        tell(f"{status.batch_id}: {proofs} of {old}; `farm batches {status.batch_id[:8]} --follow`")
