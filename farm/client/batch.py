"""A batch as `Farm` returns it: its verdicts as they finish, its state, its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import httpx

from farm.client.answer_matching import Sent
from farm.client.stream import Gathering
from farm.models import BatchStatus, Item, Verdict

if TYPE_CHECKING:
    from farm.client.sync_steps import StepRunner


class Batch:
    """A batch of proofs in the farm. Iterating it gives its verdicts as they finish.

    Attributes:
        id: its name, for `Farm.batch` in another process.
        cursor: the place after the last verdict that `results` gave; None before the first.
    """

    def __init__(self, farm: StepRunner, batch_id: str, sent: Sent | None = None) -> None:
        self.id = batch_id
        self.cursor: str | None = None
        self._farm = farm
        self._sent = sent or Sent()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def __iter__(self) -> Iterator[Verdict]:
        return self.results()

    def status(self) -> BatchStatus:
        """Return its status.

        Raises:
            NotFound: no such batch, or another key's.
        """
        return self._farm._run(self._farm._core.status(self.id, self._sent))

    def results(self, after: str | None = None) -> Generator[Verdict, None, None]:
        """Yield verdicts as they finish, each once, to the end of the batch.

        A connection that is lost is opened again where it broke; each line that arrives resets the count of tries.

        Args:
            after: a `cursor` to continue from; None starts with the first verdict.

        Raises:
            NotFound: no such batch, or another key's.
            InvalidRequest: `after` is not a cursor of the farm.
        """
        following = self._farm._core.follow(self.id, after, self._sent)
        while not following.done:
            lost: httpx.HTTPError | None = None
            try:
                with closing(self._farm._chunks(following.call())) as chunks:
                    for chunk in chunks:
                        for verdict in following.feed(chunk):
                            self.cursor = following.cursor
                            yield verdict
            except httpx.HTTPError as error:
                lost = error
            if not following.done:
                self._farm.sleep(following.pause(lost))

    def wait(self, progress: Callable[[int, int], object] | None = None) -> list[Verdict]:
        """Return all verdicts in the order of the proofs, once the last has come.

        Args:
            progress: called with how many are done and how many there are, after each verdict.

        Raises:
            NotFound: no such batch, or another key's.
        """
        gathering = Gathering(self.status().total, progress)
        for verdict in self.results():
            gathering.add(verdict)
        return gathering.in_order()

    def item(self, index: int) -> Item:
        """Return one proof as it was submitted, with its verdict once there is one.

        Raises:
            NotFound: no such batch or index, or another key's.
        """
        return self._farm._run(self._farm._core.item(self.id, index))

    def items(self) -> Generator[Item, None, None]:
        """Yield the proofs as they were submitted, in their order, each with its verdict once there is one.

        Raises:
            NotFound: no such batch, another key's, or one that expired meanwhile.
        """
        after: int | None = -1
        while after is not None:
            page = self._farm._run(self._farm._core.items(self.id, after))
            yield from page.items
            after = page.next

    def rerun(self, *, label: str | None = None, tags: Iterable[str] | None = None) -> Batch:
        """Run its undecided proofs again, as a new batch with its options; they keep their ids.

        Args:
            label: the new batch's label; this one's when None.
            tags: the new batch's tags; this one's when None.

        Raises:
            NotFound: no such batch, or another key's.
            Conflict: it still runs.
            InvalidRequest: none of its proofs is undecided.
        """
        wanted = None if tags is None else list(tags)
        return Batch(self._farm, *self._farm._run(self._farm._core.rerun(self.id, label=label, tags=wanted)))

    def cancel(self) -> BatchStatus:
        """Cancel it: what runs stops within seconds, and the rest becomes `undecided/cancelled`.

        Raises:
            NotFound: no such batch, or another key's.
        """
        return self._farm._run(self._farm._core.cancel(self.id))
