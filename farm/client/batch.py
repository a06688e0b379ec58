"""The handle that `Farm` returns for a batch: it gives the batch's verdicts and status, and can rerun or cancel it."""

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
    """A batch of proofs in the farm. Iterating over it yields verdicts as its proofs finish.

    Attributes:
        id: the batch's id; in another process, `Farm.batch` makes a handle from this id.
        cursor: the position after the last verdict that `results` yielded; None before the first.
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
        """Return the batch's status.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
        """
        return self._farm._run(self._farm._core.status(self.id, self._sent))

    def results(self, after: str | None = None) -> Generator[Verdict, None, None]:
        """Yield each verdict once, as proofs finish, until the batch ends.

        If the connection is lost, a new connection continues after the last verdict. The number of tries is limited,
        but the count starts again at 0 whenever the farm sends anything.

        Args:
            after: the `cursor` to continue from; None starts with the first verdict.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
            InvalidRequest: `after` is not one of the farm's cursors.
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
        """Wait for all verdicts and return them in the order of the proofs.

        Args:
            progress: called after each verdict with the number of verdicts so far and the number of proofs.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
        """
        gathering = Gathering(self.status().total, progress)
        for verdict in self.results():
            gathering.add(verdict)
        return gathering.in_order()

    def item(self, index: int) -> Item:
        """Return one proof in the form in which it was submitted, with its verdict if it has one already.

        Raises:
            NotFound: there is no such batch or index, or the batch belongs to another key.
        """
        return self._farm._run(self._farm._core.item(self.id, index))

    def items(self) -> Generator[Item, None, None]:
        """Yield each proof in the form in which it was submitted, with its verdict if it has one already.

        The proofs come in the order of the submission. They are fetched page by page as the iteration goes on.

        Raises:
            NotFound: there is no such batch, it belongs to another key, or it expires during the iteration.
        """
        after: int | None = -1
        while after is not None:
            page = self._farm._run(self._farm._core.items(self.id, after))
            yield from page.items
            after = page.next

    def rerun(self, *, label: str | None = None, tags: Iterable[str] | None = None) -> Batch:
        """Run the undecided proofs again, as a new batch with the same options. The proofs keep their ids.

        Args:
            label: the new batch's label; if None, this batch's label.
            tags: the new batch's tags; if None, this batch's tags.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
            Conflict: the batch is still running.
            InvalidRequest: none of its proofs is undecided.
        """
        wanted = None if tags is None else list(tags)
        return Batch(self._farm, *self._farm._run(self._farm._core.rerun(self.id, label=label, tags=wanted)))

    def cancel(self) -> BatchStatus:
        """Cancel the batch. Running proofs stop within seconds, and proofs without a verdict get `undecided/cancelled`.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
        """
        return self._farm._run(self._farm._core.cancel(self.id))
