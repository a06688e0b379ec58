"""Reading request bodies: capped before they are buffered, parsed without recursion, never echoed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Request

from farm.errors import InvalidRequest, TooLarge, UnsupportedMediaType

JSON_LIMIT_BYTES = 32 << 20


def content_type(request: Request) -> str:
    """Return the media type of a request without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit: int = JSON_LIMIT_BYTES) -> bytes:
    """Return the body.

    Raises:
        TooLarge: it is longer than `limit` bytes, whether it says so or not.
    """
    refuse = TooLarge(f"The body is over {limit >> 20} MB: send it as NDJSON or in parts", details={"limit": limit})
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise refuse
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refuse
    return bytes(body)


def parse_json(body: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        InvalidRequest: it is none, nests deeper than 1024, or holds lone surrogates.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from error


async def read_json(request: Request) -> tuple[Any, bytes]:
    """Return the JSON value of a request, and its bytes.

    Raises:
        UnsupportedMediaType: it does not come as `application/json`.
        TooLarge, InvalidRequest: as above.
    """
    if content_type(request) != "application/json":
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`")
    body = await read_body(request)
    return parse_json(body), body


async def lines(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Yield the lines of a streamed body that are not blank.

    Raises:
        TooLarge: a line is longer than `limit` bytes.
    """
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > limit:
            raise TooLarge(f"A line is over {limit >> 20} MB")
    if rest.strip():
        yield rest
