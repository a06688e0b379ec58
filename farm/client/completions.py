"""Turns the text that a model wrote into the proof to send."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError

from farm.client.columns import Statement, pick_statement
from farm.client.failures import invalid
from farm.errors import InvalidRequest
from farm.models import Proof

Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
Extract: TypeAlias = Callable[[Completion], str]

# Possessive quantifiers are avoided, because Python 3.11.2 has bugs in them. A search takes linear time anyway.
_FENCE = re.compile(r"^[ \t]*(?P<ticks>`{3,})(?P<rest>[^`\n]*)$", re.MULTILINE)
_LANGUAGE = re.compile(r"\w*")
_LEAN = frozenset({"lean", "lean4"})


def extract_lean(completion: Completion) -> str:
    """Return the last `lean` or `lean4` code block of a completion, or the whole text if it has no such block.

    A block ends at the next fence that has at least as many backticks as the fence that opened it, or at the end of the
    text. If the fence that ends a block names a language, this fence also opens the next block. In a chat, only the
    assistant's last message counts. Blocks inside `<think>` count too.
    """
    text = _text(completion)
    found, opened = text, None
    for fence in _FENCE.finditer(text):
        if opened and len(fence["ticks"]) < len(opened["ticks"]):
            continue
        if opened:
            found = _block(text, opened, fence.start(), found)
        opened = fence if _language(fence) or not opened else None
    return _block(text, opened, len(text), found) if opened else found


def _block(text: str, opened: re.Match[str], end: int, otherwise: str) -> str:
    return text[opened.end() + 1 : end] if _language(opened).lower() in _LEAN else otherwise


def _language(fence: re.Match[str]) -> str:
    found = _LANGUAGE.match(fence["rest"].lstrip(" \t"))
    return found[0] if found else ""


def _text(completion: Completion) -> str:
    if isinstance(completion, str):
        return completion
    said = [message.get("content") for message in completion if message.get("role") == "assistant"]
    content = said[-1] if said else None
    if isinstance(content, str):
        return content
    # Messages of models that see images come as a list of parts.
    return "".join(part.get("text", "") for part in content or ())


def proof_of(code: str, statement: Statement, index: int) -> Proof | None:
    """Return a proof that consists of the statement and the code; None if the code cannot be sent.

    Code that cannot be sent is the model's fault, so it raises no error.

    Raises:
        InvalidRequest: the statement is not valid, which is the caller's fault.
    """
    try:
        Proof(code=code)
    except ValidationError:
        return None
    try:
        return Proof.model_validate({"code": code, **pick_statement(statement)})
    except ValidationError as error:
        raise invalid(error, f"Sample {index}") from error
    except ValueError as error:
        raise InvalidRequest(f"Sample {index}: statement: {error}") from error
