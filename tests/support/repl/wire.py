"""The wire of the scripted REPL (a script, not Lean): requests taken apart, replies laid out, fatal errors."""

from __future__ import annotations

import json
import os

from .directives import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from .source import Json

_WIDTH = 80
_flat = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one per call
# The real REPL tries the kinds in this order and takes the first that fits: (kind, required fields, optional fields).
_KINDS: tuple[tuple[str, dict[str, type], dict[str, type]], ...] = (
    ("tactic", {"proofState": int, "tactic": str}, {}),
    ("pickle_env", {"env": int, "pickleTo": str}, {}),
    ("unpickle_env", {"unpickleEnvFrom": str}, {}),
    ("pickle_proof", {"proofState": int, "pickleTo": str}, {}),
    ("unpickle_proof", {"unpickleProofStateFrom": str}, {"env": int}),
    ("command", {"cmd": str}, {"env": int}),
    ("file", {"path": str}, {"env": int}),
)


def requests(read_line: Callable[[], bytes]) -> Iterator[str]:
    """Split stdin as the real REPL does: up to a blank line, line ends dropped; a blank line alone is a request."""
    while True:
        lines: list[bytes] = []
        while (line := read_line()) and line.strip():
            lines.append(line.rstrip())
        if not lines and not line:
            return
        query = b"".join(lines).decode("utf-8", "replace")
        if not query.startswith(("#", "--")):
            yield query


def pretty(value: object) -> str:
    """JSON laid out as Lean lays it out: 80 columns, keys in descending order, never a blank line inside."""
    return _laid_out(_descending(value), 0)


def _laid_out(value: object, indent: int) -> str:
    flat = _flat(value)
    if indent + len(flat) < _WIDTH or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, list):
        parts = [_laid_out(part, indent + 1) for part in value]
    else:
        parts = [_pair(key, part, indent + 1) for key, part in value.items()]
    left, right = "[]" if isinstance(value, list) else "{}"
    return left + (",\n" + " " * (indent + 1)).join(parts) + right


def _pair(key: str, value: object, indent: int) -> str:
    flat = _flat(value)
    # Lean breaks after the key as soon as the pair does not fit on its line.
    if indent + len(key) + 4 + len(flat) < _WIDTH:
        return f'"{key}": {flat}'
    return f'"{key}":\n{" " * indent}{_laid_out(value, indent)}'


def _descending(value: object) -> object:
    if isinstance(value, dict):
        return {key: _descending(value[key]) for key in sorted(value, reverse=True)}
    return [_descending(part) for part in value] if isinstance(value, list) else value


def parsed(query: str) -> Json:
    """The request of a query; ends the process, as the real REPL does, if it is not a JSON object."""
    try:
        request = json.loads(query)
    except (ValueError, RecursionError) as error:
        die({"message": f"Could not parse JSON:\n{error}"})
    if not isinstance(request, dict):
        die({"message": "Could not parse as a valid JSON command:\nobject expected"})
    return request


def kind_of(request: Json) -> str:
    """The kind of a request; ends the process, as the real REPL does, if it is of no kind."""
    for kind, required, optional in _KINDS:
        fits = all(_is(request.get(name), wanted) for name, wanted in required.items())
        if fits and all(request.get(name) is None or _is(request[name], wanted) for name, wanted in optional.items()):
            return kind
    die({"message": "Could not parse as a valid JSON command:\nproperty not found: path"})


def _is(value: object, wanted: type) -> bool:
    # Not isinstance: `true` is not a number in Lean.
    return type(value) is wanted and (not isinstance(value, int) or value >= 0)


def die(error: object) -> NoReturn:
    """End the process as an uncaught Lean exception does."""
    write_all(2, f"uncaught exception: {error if isinstance(error, str) else pretty(error)}\n".encode())
    os._exit(1)
