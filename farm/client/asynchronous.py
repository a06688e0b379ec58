"""The asynchronous shell: `AsyncFarm` and its batches over `httpx.AsyncClient`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from farm.client.answer_matching import Sent
from farm.client.calls import Call, Flow, Follow, Pause, Reply, Step
from farm.client.connections import AsyncConnections
from farm.client.core import Core
from farm.client.endpoint import FarmEndpoint
from farm.client.kimina import Snippets, prepare_check
from farm.client.run import Run
from farm.client.series import Series, SeriesFields
from farm.client.stream import Gathering
from farm.client.submission import OptionFields, Proofs, prepare
from farm.models import (
    BatchStatus,
    CommandsAnswer,
    DetailedPremise,
    EnvironmentStatus,
    FarmStatus,
    Goal,
    History,
    HostSettings,
    Item,
    NewPremise,
    RetrievedPremise,
    TacticsAnswer,
    Verdict,
)
from farm.models.kimina import Checked
from farm.models.reports import Infotree

T = TypeVar("T")


class AsyncFarm:
    """A client for a farm, for use in an event loop. It has the methods, arguments and errors of `Farm`.

        async with AsyncFarm() as farm:
            verdicts = await asyncio.gather(*(farm.verify(proof) for proof in proofs))

    One `AsyncFarm` may be used in several event loops. It opens separate connections in each loop, and closes them when
    that loop ends.

    Args:
        base_url: the farm's URL. If None, the variable `FARM_URL` gives the URL. If `FARM_URL` is not set, the farm is
            on this host, at the port that `PORT` gives (8000 by default).
        api_key: the API key. If None, the variable `FARM_API_KEY` is used. If empty, no key is sent.
        timeout: a connection counts as lost if no byte arrives for this many seconds plus the time that the work may
            take. A stream of verdicts counts as lost after 45 s, because the farm sends something every 15 s.
        retries: how many times in a row a failed call is repeated.
        transport: the httpx transport to send requests through, for tests and special networks.

    Attributes:
        base_url: the farm's URL, without a password.
        sleep: the function that waits between tries; replace it to wait in another way.

    Raises:
        ConfigurationError: an argument or an environment variable cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        endpoint = FarmEndpoint.resolve(base_url, api_key)
        self.base_url = str(endpoint)
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
        self._core = Core(self.base_url, timeout_s=timeout, retries=retries)
        self._connections = AsyncConnections(endpoint, transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this event loop. A closed client cannot be used again, in any loop."""
        await self._connections.aclose()

    async def verify(self, proofs: Proofs, **options: Unpack[OptionFields]) -> list[Verdict]:
        """Verify one or many proofs and wait, as `Farm.verify` does."""
        submission = prepare(proofs, options)
        if submission.fits_one_answer:
            return await self._run(self._core.verify(submission))
        return await AsyncBatch(self, *await self._run(self._core.submit(submission))).wait()

    async def verify_many(self, proofs: Proofs, **options: Unpack[SeriesFields]) -> Run:
        """Verify any number of proofs and wait, as `Farm.verify_many` does."""
        return await self._run(self._core.verify_many(Series(proofs, options, self.base_url)))

    async def submit(
        self, proofs: Proofs, *, idempotency_key: str | None = None, **options: Unpack[OptionFields]
    ) -> AsyncBatch:
        """Submit one or many proofs and return at once, as `Farm.submit` does."""
        return AsyncBatch(self, *await self._run(self._core.submit(prepare(proofs, options), idempotency_key)))

    async def check(
        self,
        snippets: Snippets,
        *,
        timeout: int = 30,  # noqa: ASYNC109 - the farm's timeout, named as in kimina-client
        debug: bool = False,
        reuse: bool = True,
        infotree: Infotree | None = None,
    ) -> list[Checked]:
        """Check snippets in kimina-client's way, as `Farm.check` does."""
        request = prepare_check(snippets, timeout=timeout, debug=debug, reuse=reuse, infotree=infotree)
        return await self._run(self._core.check(request))

    def batch(self, batch_id: str) -> AsyncBatch:
        """Return a handle for the batch with this id. Do not await this method: it does not ask the farm."""
        return AsyncBatch(self, batch_id)

    async def batches(
        self, limit: int = 20, *, label: str | None = None, tags: Iterable[str] = (), prefix: str = ""
    ) -> list[BatchStatus]:
        """Return the latest batches of the client's API key, as `Farm.batches` does."""
        return await self._run(self._core.batches(limit, label=label, tag=list(tags), prefix=prefix))

    async def commands(
        self, requests: Iterable[Any], *, timeout_s: float | None = None, environment: str = "default"
    ) -> CommandsAnswer:
        """Run LeanInteract requests in one fresh REPL process, as `Farm.commands` does."""
        return await self._run(self._core.commands(requests, timeout_s=timeout_s, environment=environment))

    async def tactics(
        self,
        goals: Iterable[Goal | dict[str, Any]],
        *,
        timeout_s: float | None = None,
        environment: str = "default",
    ) -> TacticsAnswer:
        """Try tactic sequences on goals, as `Farm.tactics` does."""
        return await self._run(self._core.tactics(goals=list(goals), timeout_s=timeout_s, environment=environment))

    async def retrieve(
        self,
        state: str,
        k: int = 16,
        *,
        imported_modules: Iterable[int | str] | None = None,
        local_premises: Iterable[int | str] | None = None,
        new_premises: Iterable[NewPremise | dict[str, str]] = (),
        caller_in_module_system: bool = False,
        imported_all_modules: Iterable[int | str] | None = None,
    ) -> list[RetrievedPremise]:
        """Return the premises nearest to a goal, as `Farm.retrieve` does."""
        flow = self._core.retrieve(
            state=state,
            k=k,
            imported_modules=imported_modules,
            local_premises=local_premises,
            new_premises=new_premises,
            caller_in_module_system=caller_in_module_system,
            imported_all_modules=imported_all_modules,
        )
        return await self._run(flow)

    async def retrieve_many(
        self,
        states: Iterable[str],
        k: int = 16,
        *,
        imported_modules: Iterable[int | str] | None = None,
        local_premises: Iterable[int | str] | None = None,
        new_premises: Iterable[NewPremise | dict[str, str]] = (),
        caller_in_module_system: bool = False,
        imported_all_modules: Iterable[int | str] | None = None,
    ) -> list[list[DetailedPremise]]:
        """Return the premises nearest to each of several goals, as `Farm.retrieve_many` does."""
        flow = self._core.retrieve_many(
            states=states,
            k=k,
            imported_modules=imported_modules,
            local_premises=local_premises,
            new_premises=new_premises,
            caller_in_module_system=caller_in_module_system,
            imported_all_modules=imported_all_modules,
        )
        return await self._run(flow)

    async def workers(self) -> FarmStatus:
        """Return the workers, and how much work is waiting."""
        return await self._run(self._core.workers())

    async def history(self, minutes: int = 60, *, hosts: bool = False) -> History:
        """Return the figures of the last minutes, as `Farm.history` does."""
        return await self._run(self._core.history(minutes, hosts=hosts))

    async def environments(self) -> list[EnvironmentStatus]:
        """Return the Lean environments, as `Farm.environments` does."""
        return await self._run(self._core.environments())

    async def host_settings(self) -> HostSettings:
        """Return the settings with which another host joins the farm, as `Farm.host_settings` does."""
        return await self._run(self._core.host_settings())

    async def ready(self) -> dict[str, Any]:
        """Return whether every part of the farm answers, as `Farm.ready` does."""
        return await self._run(self._core.ready())

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    reply = await self._take(step)
                except BaseException as error:  # noqa: BLE001 - Ctrl-C too: the flow may have batches to cancel
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _take(self, step: Step) -> Reply | None:
        if isinstance(step, Pause):
            await self.sleep(step.seconds)
            return None
        if isinstance(step, Follow):
            async with aclosing(AsyncBatch(self, step.batch_id, step.sent).results()) as verdicts:
                async for verdict in verdicts:
                    step.take(verdict)
            return None
        try:
            client = await self._connections.client("call")
            return await client.send(step.request(client))
        except httpx.RequestError as error:
            return error

    async def _chunks(self, call: Call) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of a response's body as they arrive; raise an httpx error if the call fails."""
        client = await self._connections.client("stream")
        async with aclosing(await client.send(call.request(client), stream=True)) as response:
            if not response.is_success:
                await response.aread()
            async for chunk in response.raise_for_status().aiter_bytes():
                yield chunk


class AsyncBatch:
    """A batch of proofs in the farm. Iterating over it (`async for`) yields verdicts as its proofs finish.

    Attributes:
        id: the batch's id; in another process, `AsyncFarm.batch` makes a handle from this id.
        cursor: the position after the last verdict that `results` yielded; None before the first.
    """

    def __init__(self, farm: AsyncFarm, batch_id: str, sent: Sent | None = None) -> None:
        self.id = batch_id
        self.cursor: str | None = None
        self._farm = farm
        self._sent = sent or Sent()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def __aiter__(self) -> AsyncIterator[Verdict]:
        return self.results()

    async def status(self) -> BatchStatus:
        """Return the batch's status, as `Batch.status` does."""
        return await self._farm._run(self._farm._core.status(self.id, self._sent))

    async def results(self, after: str | None = None) -> AsyncGenerator[Verdict, None]:
        """Yield each verdict once, as proofs finish, until the batch ends, as `Batch.results` does."""
        following = self._farm._core.follow(self.id, after, self._sent)
        while not following.done:
            lost: httpx.HTTPError | None = None
            try:
                async with aclosing(self._farm._chunks(following.call())) as chunks:
                    async for chunk in chunks:
                        for verdict in following.feed(chunk):
                            self.cursor = following.cursor
                            yield verdict
            except httpx.HTTPError as error:
                lost = error
            if not following.done:
                await self._farm.sleep(following.pause(lost))

    async def wait(self, progress: Callable[[int, int], object] | None = None) -> list[Verdict]:
        """Wait for all verdicts and return them in the order of the proofs, as `Batch.wait` does."""
        gathering = Gathering((await self.status()).total, progress)
        async for verdict in self.results():
            gathering.add(verdict)
        return gathering.in_order()

    async def item(self, index: int) -> Item:
        """Return one proof and its verdict, as `Batch.item` does."""
        return await self._farm._run(self._farm._core.item(self.id, index))

    async def items(self) -> AsyncGenerator[Item, None]:
        """Yield each proof and its verdict, in the order of the submission, as `Batch.items` does."""
        after: int | None = -1
        while after is not None:
            page = await self._farm._run(self._farm._core.items(self.id, after))
            for item in page.items:
                yield item
            after = page.next

    async def rerun(self, *, label: str | None = None, tags: Iterable[str] | None = None) -> AsyncBatch:
        """Run the batch's undecided proofs again, as a new batch, as `Batch.rerun` does."""
        wanted = None if tags is None else list(tags)
        return AsyncBatch(self._farm, *await self._farm._run(self._farm._core.rerun(self.id, label=label, tags=wanted)))

    async def cancel(self) -> BatchStatus:
        """Cancel the batch, as `Batch.cancel` does."""
        return await self._farm._run(self._farm._core.cancel(self.id))
