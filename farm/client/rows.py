"""Bad rows: rows of a run that hold no proof. A bad row gets a verdict of its own and does not stop the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from farm.client.failures import in_words, invalid
from farm.models import Message, Proof, Reason, Verdict, as_proof, verdict

EMPTY = "the text is empty"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row whose text cannot be given to Lean.

    Attributes:
        id: the id of the row's verdict; if None, the row's position among all rows is the id.
        code: the text that `content_hash` covers.
        why: what is wrong with the row's text.
    """

    id: str | None
    why: str
    problem: str | None = None
    statement: str | None = None
    code: str = ""

    def verdict(self, name: str, index: int) -> Verdict:
        """Return `rejected/error`, the verdict on a text that cannot be given to Lean."""
        message = Message(severity="error", data=self.why)
        return verdict(name, index, reason=Reason.ERROR, attempts=0, messages=[message])


def is_of_bad_row(found: Verdict) -> bool:
    """Whether a verdict is on a bad row. A corrected call may read a proof from that row and get another verdict."""
    return found.reason is Reason.ERROR and not found.attempts and not found.cached


def check_rows(rows: Iterable[Any]) -> Iterator[Proof | BadRow]:
    """Yield the proof of each row, or a bad row if the row's text is empty or cannot be sent.

    A model may write any text, so a bad text must not end a run. A missing `code` or another wrong field is a mistake
    of the caller and does end the run. Such a mistake is usually in every row. If the run did not end, all its rewards
    would silently be 0.

    Raises:
        InvalidRequest: `code` is missing, or another field is wrong; the message names the row.
    """
    for index, row in enumerate(rows):
        if isinstance(row, BadRow):
            yield row
        elif _is_empty(row):
            yield bad_row(_fields(row), EMPTY)
        else:
            try:
                yield as_proof(row)
            except ValidationError as error:
                if any(finding["loc"][:1] != ("code",) or finding["type"] == "missing" for finding in error.errors()):
                    raise invalid(error, f"Proof {index}") from error
                yield bad_row(_fields(row), in_words(error))


def is_blank(code: Any) -> bool:
    """Whether there is no text, or only white space."""
    return code is None or (isinstance(code, str | bytes) and not code.strip())


def _is_empty(row: Any) -> bool:
    match row:
        case None:
            return True
        case {"code": code} | Proof(code=code) | (str() as code):
            return is_blank(code)
    return False


def _fields(row: Any) -> dict[str, Any]:
    match row:
        case Proof():
            return row.model_dump()
        case dict():
            return row
    return {"code": row}


def bad_row(fields: dict[str, Any], why: str) -> BadRow:
    """Return a bad row that keeps the text fields of the proof; characters that cannot be sent become `?`."""
    texts = {name: _writable(text) for name in Proof.model_fields if isinstance(text := fields.get(name), str)}
    return BadRow(texts.pop("id", None), why, **texts)


def _writable(text: str) -> str:
    # A lone surrogate has no UTF-8 form.
    return text.encode(errors="replace").decode()
