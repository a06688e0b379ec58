"""Makes proofs from rows of data sets: it finds the column of each field by the names that such columns usually have.

Data sets of statements (miniF2F, ProofNet, PutnamBench and similar ones) use a handful of names for their columns, and
so do people who add proofs to these data sets. This module knows only these usual names. The caller has to name any
other column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from farm.declarations import begins_file
from farm.header import cut_header
from farm.lexer import tokens
from farm.models import Proof

Statement: TypeAlias = str | Mapping[str, Any] | None
"""A statement as a data set holds it: a text, or a struct that holds the text and `header`, `targets` or `answers`."""

OWN = tuple(Proof.model_fields)
FIELDS = (*OWN, "header")
"""The fields that columns can hold: the fields of `Proof`, and `header`, a text to put before a statement that imports
nothing."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "uuid"),
    "problem": ("problem", "problem_id", "problem_name", "theorem_name", "name"),
    "statement": ("statement", "formal_statement", "lean4_statement", "reward_model.ground_truth"),
    "header": ("header",),
    "code": ("code", "proof", "formal_proof", "lean4_code"),
    "targets": ("targets",),
    "answers": ("answers",),
}
"""For each field, the names that its column may have. If a row has several of these columns, the first name counts."""

# A `problem` column holds prose in some data sets and names in others. A longer text than this is prose.
_LABEL_CHARS = 256
# This column holds proofs, unless there is another column of proofs: then it holds the statements to be proved.
_EITHER = "lean4_code"
_ENDS_IN_BY = re.compile(r":=\s*by\s*\Z")
_BEGIN_TERMS = frozenset(("by", "fun", "λ"))
_COMMENTS = frozenset(("line", "block", "doc"))
_STRUCT = ("targets", "answers")


def top_level(given: Mapping[str, str]) -> list[str]:
    """Return the names of all columns of a table that may hold a field of a proof.

    If a name is `a.b`, the name `a` is returned too, because `b` may be a part of the struct in the column `a`.
    """
    names = [name for field in FIELDS for name in ([given[field]] if field in given else COLUMNS[field])]
    return list(dict.fromkeys(each for name in names if name for each in (name, name.partition(".")[0])))


def is_data_set(row: Mapping[str, Any]) -> bool:
    """Whether a row has its statement or code in a column that is not named like a field of `Proof`."""
    foreign = {*COLUMNS["statement"], *COLUMNS["code"]} - {*OWN}
    return any(_has(row, column) for column in foreign)


def pick(row: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a proof that a row of a data set holds; ignore the row's other columns.

    Args:
        row: the row's cells by column name.
        given: the column names that the caller gives, by field. `a.b` names the cell `b` of the struct in `a`, and
            `a.b.c` a cell of a struct in it; an empty name leaves the field out.

    Returns:
        The fields that were found. If the statement's column holds a struct (verl's `ground_truth`), the struct gives
        `targets` and `answers` too. The header is put before the statement, or before the code if there is no
        statement. The header is dropped if the text after it has imports of its own. If the statement ends in `by` and
        the code is only the tactics that follow this `by`, the code gets a `by` of its own.

    Raises:
        LookupError: a column that the caller names is missing; the message names it.
        ValueError: the structs are nested too deeply.
    """
    found = {field: _cell(row, field, given) for field in FIELDS}
    if isinstance(struct := _struct(found["statement"]), Mapping):
        inner = _pick_inner(struct)
        found |= {field: inner.get(field, found[field]) for field in _STRUCT} | {"statement": inner.get("statement")}
    return _continued(_with_header(_plain({field: value for field, value in found.items() if value is not None})))


def _pick_inner(struct: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return pick(struct, {"code": "", "problem": "", "id": ""})
    except RecursionError as error:
        # A struct may hold a statement that is a struct, and so on.
        raise ValueError("the structs are nested too deeply") from error


def name_of(row: Mapping[str, Any], given: Mapping[str, str]) -> str | None:
    """Return the name of a row's problem, for use as an id; None if no usual column holds a name.

    If the caller gives a column for `problem`, the answer is None too.
    """
    if "problem" in given:
        return None
    names = (row[column] for column in COLUMNS["problem"][1:] if _is_label(row.get(column)))
    return next((str(name) for name in names), None)


def pick_statement(cell: Any) -> dict[str, Any]:
    """Return the fields of a proof that a statement's cell holds; the cell is a text, or a struct such as verl's."""
    return pick({"statement": cell}, {"code": "", "problem": "", "id": ""})


def proof_from_row(row: Mapping[str, Any], **columns: str) -> Proof:
    """Return the proof that a row of a data set holds.

        proof_from_row({"name": "sum", "header": "import Mathlib", "formal_statement": "theorem …", "proof": "by …"})

    Args:
        row: the row's cells by column.
        columns: the column names, by field (`statement="stmt", code="answer"`). A field has to be named here only if
            its column has none of the usual names.

    Raises:
        LookupError: a named column is missing.
        ValueError: the row does not hold a proof.
    """
    return Proof.model_validate(pick(row, columns))


def _cell(row: Mapping[str, Any], field: str, given: Mapping[str, str]) -> Any:
    names = [given[field]] if given.get(field) else [] if field in given else _usual(row, field, given)
    if field in given and names and not _has(row, names[0]):
        raise LookupError(names[0])
    there = [_at(row, name) for name in names if _has(row, name)]
    # A `problem` column that holds prose is passed over, unless the caller gives this column.
    wanted = _is_label if field == "problem" and field not in given else _is_there
    # A row that has a column of proofs, but nothing in it, has an empty proof.
    return next(filter(wanted, there), "" if there and field == "code" else None)


def _usual(row: Mapping[str, Any], field: str, given: Mapping[str, str]) -> list[str]:
    names = list(COLUMNS[field])
    others = [name for name in COLUMNS["code"] if name != _EITHER]
    if field in ("statement", "code") and ("code" in given or any(_has(row, name) for name in others)):
        return [*names, _EITHER] if field == "statement" else others
    return names


def _struct(statement: Any) -> Any:
    """Return a statement's cell; decode a text that begins with `{`, because such a text is a struct in JSON."""
    is_json = isinstance(statement, str) and statement.lstrip().startswith("{")
    return _loaded(statement, None) if is_json else statement


def _has(row: Mapping[str, Any], column: str) -> bool:
    whole, _, part = column.partition(".")
    inner = row.get(whole)
    return column in row or bool(part and isinstance(inner, Mapping) and _has(inner, part))


def _at(row: Mapping[str, Any], column: str) -> Any:
    whole, _, part = column.partition(".")
    return row[column] if column in row else _at(row[whole], part)


def _is_there(value: Any) -> bool:
    return value is not None


def _is_label(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LABEL_CHARS and "\n" not in value
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with `targets` as a list and `answers` as a dictionary, however CSV or Parquet wrote them."""
    answers, targets = fields.get("answers"), fields.get("targets")
    if isinstance(answers, str):
        fields["answers"] = _loaded(answers, answers)
    elif isinstance(answers, list):
        # Parquet gives a map as a list of pairs.
        with suppress(TypeError, ValueError):
            fields["answers"] = dict(answers)
    if isinstance(fields.get("answers"), Mapping):
        # A struct in Parquet has the same names in every row; a name without a value is None.
        fields["answers"] = {name: term for name, term in fields["answers"].items() if term is not None}
    if isinstance(targets, str):
        fields["targets"] = _loaded(targets, [targets])
    return {name: value for name, value in fields.items() if value not in ([], {})}


def _loaded(text: str, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


def _with_header(fields: dict[str, Any]) -> dict[str, Any]:
    header = fields.pop("header", None)
    field = "statement" if "statement" in fields else "code"
    text = fields.get(field)
    if isinstance(header, str) and isinstance(text, str):
        imports_nothing = text.strip() and not cut_header(text)[0]
        if header.strip() and imports_nothing:
            fields[field] = f"{header.rstrip()}\n\n{text}"
    return fields


def _continued(fields: dict[str, Any]) -> dict[str, Any]:
    code, statement = fields.get("code"), fields.get("statement")
    if isinstance(code, str) and isinstance(statement, str) and _ENDS_IN_BY.search(statement):
        first = next((token for token in tokens(code) if token.kind not in _COMMENTS), None)
        word = code[first.start : first.end] if first else ""
        is_tactic = bool(first and first.kind == "word" and word not in _BEGIN_TERMS) or word == "·"
        if is_tactic and not begins_file(code):
            fields["code"] = f"by\n{code}"
    return fields
