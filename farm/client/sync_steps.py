"""Carries out the core's steps synchronously: makes calls over `httpx.Client`, pauses, and reads streams."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

import httpx

from farm.client.batch import Batch
from farm.client.calls import Call, Flow, Follow, Pause, Reply, Step
from farm.client.connections import Connections
from farm.client.core import Core

T = TypeVar("T")


class StepRunner:
    """Carries out the steps of the core's flows for one farm."""

    sleep: Callable[[float], object]
    _core: Core
    _connections: Connections

    def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    reply = self._take(step)
                except BaseException as error:  # noqa: BLE001 - Ctrl-C too: the flow may have batches to cancel
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _take(self, step: Step) -> Reply | None:
        if isinstance(step, Pause):
            self.sleep(step.seconds)
            return None
        if isinstance(step, Follow):
            with closing(Batch(self, step.batch_id, step.sent).results()) as verdicts:
                for verdict in verdicts:
                    step.take(verdict)
            return None
        try:
            client = self._connections.client("call")
            return client.send(step.request(client))
        except httpx.RequestError as error:
            return error

    def _chunks(self, call: Call) -> Generator[bytes, None, None]:
        """Yield the chunks of a response's body as they arrive; raise an httpx error if the call fails."""
        client = self._connections.client("stream")
        with closing(client.send(call.request(client), stream=True)) as response:
            if not response.is_success:
                response.read()
            yield from response.raise_for_status().iter_bytes()
