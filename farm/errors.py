"""The errors that a user of the farm may see, in one tree.

FarmError                      internal      500
├── InvalidRequest             invalid       422  the request cannot be understood or asks for something impossible
├── Unauthorized               unauthorized  401  no key, or a wrong one
├── Forbidden                  forbidden     403  the key may not do this
├── NotFound                   not_found     404  no such thing, or it belongs to another key
├── MethodNotAllowed           method_not_allowed 405
├── Conflict                   conflict      409  the state or setup of the farm rules the request out
├── TooLarge                   too_large     413  the body, or a part of it, is over a limit
├── UnsupportedMediaType       unsupported_media_type 415
├── RateLimited                rate_limited  429  retry after `retry_after_s`
├── Unavailable                unavailable   503  a part of the farm does not answer
│   ├── StoreUnavailable       unavailable        Redis does not answer
│   └── EmbeddingError         unavailable        the embedding service fails
├── ConnectionFailed           connection_failed  the SDK cannot reach the farm
├── ConfigurationError         configuration      a setting is wrong or something is not installed
│   ├── LeanNotFound           lean_not_found     no Lean; `farm doctor` says what to do
│   ├── SandboxMissing         sandbox_missing    a layer of the sandbox is missing, and SANDBOX does not allow that
│   └── SchemaMismatch         schema             the store's state belongs to a release too far from this one
└── CorpusError                corpus             a premise data set is broken; the message names the file and the line

If a proof fails, the result is a verdict, never an error of this tree.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FarmError(Exception):
    """The root of all errors that the farm raises on purpose.

    Attributes:
        code: a stable name of the error, part of the HTTP contract.
        status: the HTTP status of an answer with this error.
        retryable: whether the same request may succeed later.
        message: one actionable sentence.
        details: JSON-able facts about the failure.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidRequest(FarmError):
    """The request cannot be understood, or asks for something impossible."""

    code = "invalid"
    status = 422


class Unauthorized(FarmError):
    """No key was sent, or a wrong one."""

    code = "unauthorized"
    status = 401


class Forbidden(FarmError):
    """The key may not do this."""

    code = "forbidden"
    status = 403


class NotFound(FarmError):
    """The requested object does not exist, or belongs to another key."""

    code = "not_found"
    status = 404


class MethodNotAllowed(FarmError):
    """The route exists, but not for this method."""

    code = "method_not_allowed"
    status = 405


class Conflict(FarmError):
    """The farm's state or setup rules the request out.

    For example, an earlier request had the same idempotency key but another body.
    """

    code = "conflict"
    status = 409


class TooLarge(FarmError):
    """The body, or a part of it, is over a limit."""

    code = "too_large"
    status = 413


class UnsupportedMediaType(FarmError):
    """The route does not take this content type."""

    code = "unsupported_media_type"
    status = 415


class RateLimited(FarmError):
    """The client or the farm has too much work at once; try again after `retry_after_s` seconds."""

    code = "rate_limited"
    status = 429
    retryable = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0, details: Any = None) -> None:
        super().__init__(message, details=details)
        self.retry_after_s = retry_after_s


class Unavailable(FarmError):
    """A part of the farm does not answer at the moment."""

    code = "unavailable"
    status = 503
    retryable = True


class StoreUnavailable(Unavailable):
    """Redis does not answer."""


class EmbeddingError(Unavailable):
    """The embedding service fails, or its answer makes no sense."""


class ConnectionFailed(FarmError):
    """The SDK cannot reach the farm."""

    code = "connection_failed"
    status = 503
    retryable = True


class ConfigurationError(FarmError):
    """A setting is wrong, or something that the farm needs is not installed."""

    code = "configuration"


class LeanNotFound(ConfigurationError):
    """There is no usable Lean; `farm doctor` says what to do."""

    code = "lean_not_found"


class SandboxMissing(ConfigurationError):
    """A layer of the sandbox cannot be set up here, and SANDBOX does not allow that."""

    code = "sandbox_missing"


class SchemaMismatch(ConfigurationError):
    """The store's state belongs to a release too far from this one; releases one apart work side by side."""

    code = "schema"


class CorpusError(FarmError):
    """A premise data set is broken; the message names the file and the line."""

    code = "corpus"


_BY_CODE: dict[str, type[FarmError]] = {
    kind.code: kind
    for kind in (
        InvalidRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        TooLarge,
        UnsupportedMediaType,
        RateLimited,
        Unavailable,
    )
}


def from_code(code: str, message: str, *, details: Any = None, retry_after_s: float | None = None) -> FarmError:
    """Return the error that an HTTP answer with this code stands for.

    Args:
        code: the stable code of the error body; an unknown code gives a plain `FarmError`.
        message: the sentence of the error body.
        details: the details of the error body.
        retry_after_s: the `Retry-After` header in seconds, used only for `RateLimited`.
    """
    kind = _BY_CODE.get(code, FarmError)
    if issubclass(kind, RateLimited):
        return kind(message, retry_after_s=retry_after_s or 1.0, details=details)
    return kind(message, details=details)


def plain(message: str) -> str:
    """Return a pydantic error's message. If the farm wrote the message, drop the words that pydantic put before it."""
    return message.removeprefix("Value error, ")
