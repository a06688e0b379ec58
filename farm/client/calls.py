"""The steps that the core asks a shell to take: make a call, pause, or read a batch to its end.

The shells are `Farm` and `AsyncFarm`, which do the I/O. A flow is a generator that yields such steps and returns the
result of one SDK method. A shell drives the flow: it takes each step, and then resumes the flow. After a call, the
shell sends the response into the flow, or the httpx error that came instead. After a pause or a followed batch, the
shell sends nothing. If another error occurs during a step, even Ctrl-C, the shell throws the error into the flow, so
that the flow can clean up with further steps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import httpx

from farm.client.answer_matching import Sent
from farm.models import Verdict

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        path: the path below the farm's base URL.
        timeout_s: the connection counts as lost after this many seconds without a byte.
        body: the content to send; `headers` state its type.
    """

    method: str
    path: str
    timeout_s: float
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Whether the farm does the work only once if the call arrives twice, so that the call may be sent again."""
        return self.method != "POST" or "Idempotency-Key" in self.headers

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the call as a request that an httpx client can send."""
        # A thousand concurrent calls are common, so a call may wait for one of the pool's connections without a limit.
        # A timeout of the pool would report a busy client as a lost farm.
        return client.build_request(
            self.method,
            self.path,
            params=self.params,
            headers=self.headers,
            content=self.body,
            timeout=httpx.Timeout(self.timeout_s, connect=min(self.timeout_s, _CONNECT_TIMEOUT_S), pool=None),
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """The step to wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Follow:
    """The step to read a batch's verdicts as they arrive, until the batch ends.

    Attributes:
        sent: the number and the ids of the batch's proofs, as far as they are known.
        take: the function that is called once with each verdict.
    """

    batch_id: str
    sent: Sent
    take: Callable[[Verdict], object]


Reply: TypeAlias = httpx.Response | httpx.HTTPError
Step: TypeAlias = Call | Pause | Follow
Flow: TypeAlias = Generator[Step, Any, T]
