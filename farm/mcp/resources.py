"""Resources that an agent can read without starting work: environments, and the verdicts of the key's batches."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from farm.client import AsyncFarm
from farm.mcp import answers
from farm.mcp.bounded_output import bounded_json
from farm.mcp.calls import Connect, read_resource
from farm.models import BatchStatus

_LATEST_BATCHES = 5
_LATEST_VERDICTS = 4
_BATCH_VERDICTS = 50


class Resources:
    """The farm's state as resources. Each resource is a JSON text of at most `MOST_CHARS` characters.

    Args:
        connect: returns a context with the farm's client for one call.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def environments(self) -> str:
        """Return the Lean environments: version, project, workers, and what to know before using one."""

        async def ask(farm: AsyncFarm) -> str:
            fields = {"name", "lean_version", "project", "workers", "pending", "notice"}
            return bounded_json([each.model_dump(mode="json", include=fields) for each in await farm.environments()])

        return await read_resource(self._connect, ask)

    async def latest(self) -> str:
        """Return the first verdicts of the key's latest batches, including those of the `verify` tool."""

        async def ask(farm: AsyncFarm) -> str:
            batches = await farm.batches(limit=_LATEST_BATCHES)
            return bounded_json([await _with_verdicts(farm, each, _LATEST_VERDICTS) for each in batches])

        return await read_resource(self._connect, ask)

    async def batch(self, batch_id: str) -> str:
        """Return the progress of a batch, and its first verdicts once it is done."""

        async def ask(farm: AsyncFarm) -> str:
            status = await farm.batch(batch_id).status()
            return bounded_json(await _with_verdicts(farm, status, _BATCH_VERDICTS))

        return await read_resource(self._connect, ask)


async def _with_verdicts(farm: AsyncFarm, status: BatchStatus, most: int) -> dict[str, Any]:
    """Return a batch with its first verdicts, in the order in which they came.

    A batch that is still running gets no verdicts, because reading them would wait for the batch.
    """
    verdicts: list[dict[str, Any]] = []
    if status.finished and status.total:
        async with aclosing(farm.batch(status.batch_id).results()) as found:
            async for verdict in found:
                verdicts.append({"id": verdict.id, **answers.of_verdict(verdict)})
                if len(verdicts) == most:
                    break
    return {**answers.of_status(status), "verdicts": verdicts}
