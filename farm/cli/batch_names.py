"""How a user names a batch in a command: by its id, the beginning of its id, its label or its tags."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from farm.client import Farm
from farm.errors import InvalidRequest, NotFound
from farm.models import BatchStatus

BatchArgument = Annotated[
    str, typer.Argument(metavar="BATCH", help="The batch's id, or a beginning that no other id has.")
]
LabelOption = Annotated[str | None, typer.Option(help="A name for the batch, shown in every list.")]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="A word by which to find the batch; may be repeated.")
]

_ID = re.compile(r"[0-9a-f]{32}")
_BEGINNING = re.compile(r"[0-9a-f]{1,31}")
_MOST_CANDIDATES = 5


def find_batch(farm: Farm, name: str) -> str:
    """Return the id of a batch; the name is the whole id or its beginning.

    A whole id is returned unchanged, without asking the farm.

    Raises:
        NotFound: the name cannot begin an id, or no id of the key's batches begins with it.
        InvalidRequest: the ids of several batches begin with the name; the message lists them.
    """
    if _ID.fullmatch(name):
        return name
    if not _BEGINNING.fullmatch(name):
        raise NotFound(f"There is no batch {name!r}: an id has 32 digits from 0 to f, and `farm batches` lists yours")
    there = farm.batches(limit=_MOST_CANDIDATES + 1, prefix=name)
    # A farm of an older release ignores `prefix` and lists all batches, so the ids are compared here too.
    found = [each for each in there if each.batch_id.startswith(name)]
    if not found:
        raise NotFound(f"No batch begins with {name!r}: `farm batches` lists yours")
    if len(found) > 1:
        shown = ", ".join(_called(each) for each in found[:_MOST_CANDIDATES])
        more = " and others" if len(found) > _MOST_CANDIDATES else ""
        raise InvalidRequest(f"Several batches begin with {name!r}: {shown}{more}; give more of the id")
    return found[0].batch_id


def _called(status: BatchStatus) -> str:
    return f"{status.batch_id} ({status.label})" if status.label else status.batch_id
