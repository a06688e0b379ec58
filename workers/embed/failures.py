"""Embedding errors; the class of an error decides how the embed room reacts.

EmbeddingError
├── ServiceDown     the service would fail now with any texts
│   └── Busy        the same call may succeed in a moment, or elsewhere
├── CallRejected    some input of the call, or the number of inputs, is not accepted (HTTP 400, 413, 422)
└── InputRejected   this one input is not accepted, wherever and whenever it is sent
"""

from __future__ import annotations

from farm.errors import EmbeddingError


class ServiceDown(EmbeddingError):
    """The service would fail with any input, so trying inputs one by one would not help."""


class Busy(ServiceDown):
    """The service is overloaded, starting, or not reachable at the moment."""


class CallRejected(EmbeddingError):
    """The service rejected a whole call, without saying which input is to blame."""


class InputRejected(EmbeddingError):
    """The service does not accept one input, even by itself.

    Attributes:
        reason: why, in one sentence that says what to do.
        position: the input's index in the texts to embed.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"Input {position}: {reason}", details={"position": position})
        self.reason = reason
        self.position = position
