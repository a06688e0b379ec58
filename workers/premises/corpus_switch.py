"""Changing the corpus at run time: each premise worker loads the new corpus beside the old one, then all switch.

A `Wish` is an operator's request for another corpus (`farm index use`). Each worker loads that corpus. Once all workers
have loaded it, the request is concluded, and each worker switches at its next check. If one worker cannot load the
corpus, all workers keep their present one. Clients see the new lists only once all workers have switched, because until
then a worker might not know the new numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from farm.errors import FarmError, StoreUnavailable
from farm.store.corpora import Corpora, Published, SwitchOutcome, Wish
from workers.background_threads import BackgroundThread

_LOOK_S = 1.0
_LOOK_SOON_S = 0.2

_log = structlog.get_logger()
T = TypeVar("T")


class Switch(BackgroundThread, Generic[T]):
    """Checks regularly whether an operator wants another corpus, and does this worker's part of the switch.

    Args:
        corpora: where requests for another corpus are recorded.
        home: this worker's corpus settings, which a request overrides.
        load: loads the requested corpus beside the present one; raises `FarmError` if that fails.
        put: makes this worker answer with a loaded corpus, and returns the lists that clients are to see.
    """

    def __init__(self, corpora: Corpora, home: str, load: Callable[[Wish], T], put: Callable[[T], Published]) -> None:
        super().__init__("switch")
        self._corpora = corpora
        self._home = home
        self._load = load
        self._put = put
        self._over = ""
        self._beside: tuple[Wish, T] | None = None
        self._answers_with: Published | None = None
        self._ended = threading.Event()

    def begin(self, loaded: T, wish: Wish | None) -> None:
        """Begin to answer with a loaded corpus.

        Args:
            loaded: the corpus.
            wish: the request that names this corpus; None if the settings name it.
        """
        self._answers_with = self._put(loaded)
        self._over = wish.id if wish else ""
        self._show()

    def work(self) -> None:
        """Check until told to end."""
        while not self._ended.wait(_LOOK_SOON_S if self._beside else _LOOK_S):
            try:
                self.look()
            except StoreUnavailable as error:
                _log.warning("switch.missed", error=error.message)

    def look(self) -> None:
        """Take the next step of a switch, if a switch is under way or has been requested.

        Raises:
            StoreUnavailable: Redis does not answer; the next check tries again.
        """
        wish = self._corpora.wanted()
        if wish is None or wish.id == self._over:
            self._show()
            return
        outcome, is_beside = self._corpora.outcome(wish), self._beside is not None and self._beside[0] == wish
        # The request was concluded before this worker started, under other settings: it does not apply here.
        is_foreign = outcome is not None and not is_beside and outcome.home != self._home
        if is_foreign or (outcome and outcome.failure):
            self._over, self._beside = wish.id, None
        elif not is_beside:
            self._load_beside(wish)
        elif outcome:
            self._fulfil(wish, outcome)
        else:
            self._corpora.loaded(wish)
            if self._corpora.is_loaded(wish):
                self._corpora.conclude(wish, SwitchOutcome(home=self._home))

    def end(self) -> None:
        """Stop checking; a corpus that is still being loaded is dropped."""
        self._ended.set()

    def _load_beside(self, wish: Wish) -> None:
        self._beside = None
        try:
            self._beside = wish, self._load(wish)
        except FarmError as error:
            _log.error("switch.failed", repo=wish.repo, error=error.message)
            self._corpora.conclude(wish, SwitchOutcome(failure=error.message))

    def _fulfil(self, wish: Wish, outcome: SwitchOutcome) -> None:
        assert self._beside is not None  # noqa: S101 - the caller checks it
        self._answers_with = self._put(self._beside[1])
        self._corpora.choose(wish, outcome.home)
        self._over, self._beside = wish.id, None
        self._show()

    def _show(self) -> None:
        """Publish the lists of this worker's corpus; called repeatedly, because Redis may lose them."""
        if self._answers_with is None:
            return
        self._corpora.answer_with(self._answers_with.edition)
        if self._corpora.edition() != self._answers_with.edition:
            self._corpora.publish(self._answers_with)
