"""Makes one Parquet file of a batch's verdicts, and sends it while it is being made, one page of proofs at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import orjson

from farm.client.manifest import identify
from farm.errors import ConfigurationError, Conflict, NotFound, StoreUnavailable
from farm.models import BatchStatus, Proof, Verdict
from farm.store.batches import Batches
from farm.store.records import read_record
from farm.verdict_rows import ParquetRows, Row, row_of

PARQUET = "application/vnd.apache.parquet"
_PAGE_PROOFS = 500


class ParquetAnswer:
    """The Parquet file of one batch; only one page of the batch's proofs is in memory at a time.

    Args:
        status: the batch, with its label and tags.

    Raises:
        Conflict: the library that writes Parquet is not installed where the API runs.
    """

    def __init__(self, status: BatchStatus) -> None:
        self._batch = status.batch_id
        self._names = {"batch": status.batch_id, "label": status.label, "tags": status.tags}
        self._written = BytesIO()
        try:
            self._file = ParquetRows(self._written, has_batch=True)
        except ConfigurationError as error:
            raise Conflict(
                f"{error.message} on the host of the API. /v1/batches/ID/items gives the same verdicts as JSON"
            ) from error

    async def parts(self, batches: Batches, owner: str) -> AsyncIterator[bytes]:
        """Yield the file in parts.

        Proofs that have no verdict are left out, and so are proofs whose verdict this release cannot read.

        If the store stops answering or the batch expires, the file's end is missing, and no reader accepts the file.
        """
        after: int | None = -1
        try:
            while after is not None:
                found, after = await batches.items(self._batch, owner, after, _PAGE_PROOFS)
                yield await asyncio.to_thread(self._add, found)
        except (StoreUnavailable, NotFound):
            return
        self._file.close()
        yield self._taken()

    def _add(self, items: list[bytes]) -> bytes:
        if rows := [row for row in map(self._row, map(orjson.loads, items)) if row]:
            self._file.add(rows)
        return self._taken()

    def _row(self, item: dict[str, Any]) -> Row | None:
        verdict = read_record(Verdict, item["verdict"]) if item["verdict"] else None
        if verdict is None:
            return None
        # The proof was validated when it was submitted. Validating it again would parse its statement, which takes
        # longer than everything else here.
        proof = Proof.model_construct(**item["proof"])
        return row_of(verdict, identify(proof, item["index"])) | self._names

    def _taken(self) -> bytes:
        taken = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return taken
