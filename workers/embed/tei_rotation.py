"""Chooses which of several embedding services gets the next call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from workers.embed.failures import ServiceDown
from workers.embed.tei import TeiServer

_REST_S, _MOST_REST_S = 5.0, 60.0


@dataclass(slots=True, eq=False)
class Turn:
    """A service in the rotation.

    Attributes:
        load: how many inputs the service has received and not yet answered.
        rests_until: when the service may be asked again after a failure, on the rotation's clock.
        failures: how many times in a row the service has failed.
        is_known: whether the service has said which model it serves, and has not had to rest since.
        known_at: how many connections to the service had been opened when it last said which model it serves.
    """

    endpoint: TeiServer
    load: int = 0
    rests_until: float = 0.0
    failures: int = 0
    is_known: bool = False
    known_at: int = 0


class Rotation:
    """Lends the least loaded service. A service that fails rests; while it rests, it is asked only if all others rest.

    A service rests for 5 s, and twice as long after each further failure in a row, up to a minute. It rests because a
    server that hangs would use up much of the time that a call may take.

    Args:
        endpoints: the services, at least one.
        clock: returns the seconds of a monotonic clock.
    """

    def __init__(self, endpoints: Sequence[TeiServer], clock: Callable[[], float] = time.monotonic) -> None:
        self.turns = [Turn(endpoint) for endpoint in endpoints]
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, inputs: int, without: Collection[Turn] = ()) -> Iterator[Turn]:
        """Lend a service for a call with this many inputs; if the block raises `ServiceDown`, the service rests.

        The services in `without` are not lent; there must be others.
        """
        with self._lock:
            turn = min((turn for turn in self.turns if turn not in without), key=self._preference)
            turn.load += inputs
        try:
            yield turn
        except ServiceDown:
            self.rest(turn)
            raise
        else:
            turn.rests_until, turn.failures = 0.0, 0
        finally:
            with self._lock:
                turn.load -= inputs

    def rest(self, turn: Turn) -> None:
        """Let a service rest, because it has failed."""
        turn.is_known = False
        turn.rests_until = self._clock() + min(_REST_S * 2**turn.failures, _MOST_REST_S)
        turn.failures += 1

    def _preference(self, turn: Turn) -> tuple[float, int]:
        return max(0.0, turn.rests_until - self._clock()), turn.load
