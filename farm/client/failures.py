"""Turns every failure of a call into one of the SDK's errors: httpx errors, error responses, and unreadable answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from farm import errors
from farm.client.answer_matching import Misdirected
from farm.client.calls import Call, Reply
from farm.errors import ConnectionFailed, FarmError, InvalidRequest, plain

T = TypeVar("T")

_CODES = {
    kind.status: kind.code
    for kind in (
        errors.InvalidRequest,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.Conflict,
        errors.TooLarge,
        errors.UnsupportedMediaType,
        errors.RateLimited,
        errors.Unavailable,
    )
}
# The statuses with which a proxy answers for a farm that is restarting or slow.
_GATEWAY_CODES = {502: errors.Unavailable.code, 504: errors.Unavailable.code}


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply without a usable answer.

    Attributes:
        error: the error to raise if the call is not repeated.
        retryable: whether the call may be repeated, because a repetition can succeed and does no harm.
        retry_after_s: the least number of seconds to wait before the call is repeated; None if the farm names none.
    """

    error: FarmError
    retryable: bool
    retry_after_s: float | None = None


def failure(reply: Reply, call: Call, farm: str) -> Failure:
    """Return what went wrong with a call.

    Args:
        reply: an unsuccessful response, or what httpx raised.
        call: the call that was made.
        farm: the farm's address as errors show it.
    """
    if isinstance(reply, httpx.HTTPStatusError):
        reply = reply.response
    if isinstance(reply, httpx.Response):
        error, slow = _refusal(reply, farm), reply.status_code == 504
    else:
        error, slow = _loss(reply, call, farm), isinstance(reply, httpx.ReadTimeout)
    # After a timeout, the farm may still be working on the call. Doing the work a second time would slow the farm
    # further, so only a repeatable call is sent again.
    retryable = error.retryable and (call.repeatable or not slow)
    return Failure(error, retryable, _retry_after_s(reply))


def _loss(error: httpx.HTTPError, call: Call, farm: str) -> ConnectionFailed:
    if isinstance(error, Misdirected):
        text = f"The answer from {farm} does not belong to this call ({error}): does a proxy mix up connections?"
    elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        text = f"No farm answers at {farm}: is `farm up` running? ({error or 'timed out'})"
    elif isinstance(error, httpx.ReadTimeout) and not call.repeatable:
        text = (
            f"The farm at {farm} took the request but did not answer within {call.timeout_s:g} s. It was not repeated, "
            "because the work may be running: use `submit` for long work, or a larger `timeout`"
        )
    elif isinstance(error, httpx.TimeoutException):
        text = f"The farm at {farm} sent nothing for {call.timeout_s:g} s: `farm status` shows its load"
    else:
        text = f"The connection to the farm at {farm} was lost ({type(error).__name__}): try again"
    lost = ConnectionFailed(text)
    lost.__cause__ = error
    return lost


def _refusal(response: httpx.Response, farm: str) -> FarmError:
    """Return the error that an unsuccessful response reports, whether the farm or a proxy has sent the response."""
    status = response.status_code
    code = {**_CODES, **_GATEWAY_CODES}.get(status, FarmError.code)
    if status == FarmError.status and _retry_after_s(response) is not None:
        # On the routes that other servers have too, the farm answers 500 for everything that may pass.
        code = errors.Unavailable.code
    text, details = f"{farm} answered {status} with a page that is not a farm's: is FARM_URL right?", None
    match _json(response):
        case {"error": {"code": str(named), "message": str(message), **rest}}:
            code, text, details = named, message, rest.get("details")
        case {"detail": str(message)}:
            text = message
        case {"detail": list(findings)}:
            text, details = _in_words(findings), findings
    return errors.from_code(code, text, details=details, retry_after_s=_retry_after_s(response))


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after_s(reply: Reply) -> float | None:
    """Return the seconds that `Retry-After` asks for; None if it is absent.

    None is returned for a date too: a date is rare, and would be right only if the clocks of both hosts agree.
    """
    text = reply.headers.get("Retry-After", "") if isinstance(reply, httpx.Response) else ""
    return float(text) if text.isdecimal() else None


def parse(kind: TypeAdapter[T], response: httpx.Response, farm: str) -> T:
    """Return the body of a response, read as `kind`.

    Raises:
        FarmError: the body has another form: the server is not a farm, or is a farm of another version.
    """
    try:
        return kind.validate_json(response.content)
    except ValidationError as error:
        raise foreign(farm, error) from error


def foreign(farm: str, error: ValidationError) -> FarmError:
    """Return the error for an answer in a form that no farm of this version sends."""
    return FarmError(
        f"{farm} answers, but not as a farm of this version: are FARM_URL and the SDK's version right?",
        details=_findings(error),
    )


def invalid(error: ValidationError, what: str) -> InvalidRequest:
    """Return the error for wrong input by the user; its message says what pydantic found.

    Args:
        error: pydantic's findings.
        what: the name for the input in the error message.
    """
    return InvalidRequest(f"{what}: {in_words(error)}", details=_findings(error))


def in_words(error: ValidationError) -> str:
    """Return pydantic's findings as one line of text."""
    return _in_words(_findings(error))


def _findings(error: ValidationError) -> list[dict[str, Any]]:
    return [{"loc": list(each["loc"]), "msg": plain(each["msg"])} for each in error.errors(include_input=False)]


def _in_words(findings: list[Any]) -> str:
    return "; ".join(_finding_in_words(each) for each in findings)


def _finding_in_words(finding: Any) -> str:
    match finding:
        case {"loc": [*place], "msg": str(message)}:
            return ": ".join(filter(None, (".".join(map(str, place)), message)))
    return str(finding)
