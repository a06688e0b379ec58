"""How `farm verify` reads the files that people have: correctly, or refused with name and line."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from farm.cli.rows import Columns, Row
from farm.cli.sources import read
from farm.client.rows import BadRow
from farm.errors import InvalidRequest

CODE = "theorem t : ∀ n : Nat, n = n := fun _ => rfl\n"
LINE = json.dumps({"id": "a", "code": CODE}, ensure_ascii=False) + "\n"


def rows(path: Path | str, *columns: str, skip: Path | None = None) -> list[Row]:
    return [row for _, row in read([str(path)], Columns.parse(columns), None, skip)]


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def only(found: list[Row]) -> Row:
    [row] = found
    return row


@pytest.mark.parametrize(
    "content",
    [
        CODE.encode(),
        CODE.encode("utf-8-sig"),
        CODE.encode("utf-16"),
        CODE.encode("utf-32"),
        b"\xfe\xff" + CODE.encode("utf-16-be"),
        CODE.replace("\n", "\r\n").encode(),
        gzip.compress(CODE.encode(), mtime=0),
        gzip.compress(CODE[:9].encode(), mtime=0) + gzip.compress(CODE[9:].encode("utf-8"), mtime=0),
        gzip.compress(CODE.encode("utf-16"), mtime=0),
    ],
)
@pytest.mark.parametrize("name", ["a.lean", "a.lean.gz", "a.LEAN", "without-a-suffix"])
def test_a_lean_file_in_any_packing(tmp_path: Path, content: bytes, name: str) -> None:
    assert only(rows(write(tmp_path / name, content))).code == CODE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", f"\n{LINE}\r\n"),
        ("a.json", LINE),
        ("a.json", LINE * 1 + LINE.replace('"a"', '"b"')),
        ("a.json", json.dumps([json.loads(LINE)], indent=1)),
        ("a.json", json.dumps(json.loads(LINE), indent=1)),
        ("a.csv", f'note,id,code\n"x, ""y""",a,"{CODE}"\n'),
        ("a.CSV", f'id,problem,code\r\na,,"{CODE}"\r\n'),
    ],
)
def test_rows_in_any_form(tmp_path: Path, name: str, text: str, encoding: str, pack: Any) -> None:
    first, *_ = rows(write(tmp_path / name, pack(text.encode(encoding))))

    assert (first.id, first.code, first.problem) == ("a", CODE, None)


@pytest.mark.parametrize(
    ("text", "ids"), [(CODE, ["stdin"]), (LINE, ["a"]), (f"[{LINE}]", ["a"]), (LINE + "{", ["a", "stdin:2"])]
)
def test_stdin_is_lean_or_json_by_how_it_begins(monkeypatch: pytest.MonkeyPatch, text: str, ids: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    assert [row.id for row in rows("-")] == ids


@pytest.mark.parametrize(
    ("name", "text", "number", "why"),
    [
        ("r.jsonl", LINE + "not json\n", 2, "r.jsonl:2 is not JSON: Expecting value at column 1"),
        ("r.jsonl", LINE + "\n[1, 2]\n", 2, "r.jsonl:3 is not a JSON object"),
        ("r.jsonl", LINE + '{"id": "b"}\n', 2, "r.jsonl:2 is not a proof: code: Field required"),
        ("r.jsonl", LINE + '{"code": 5}\n', 2, "r.jsonl:2 is not a proof: code: Input should be a valid string"),
        ("r.jsonl", LINE + '{"code": "a\\u0000"}\n', 2, "r.jsonl:2 is not a proof: code: NUL characters"),
        ("r.jsonl", LINE + '{"code": "\\ud800"}\n', 2, "r.jsonl:2 is not a proof: code: Input should be a valid"),
        ("r.jsonl", LINE + '{"code": "x", "kode": "y"}\n', 2, "r.jsonl:2 is not a proof: kode: Extra inputs"),
        ("r.jsonl", '{"code": "x", "id": NaN}\n', 1, "r.jsonl:1 is not a proof: id:"),
        ("r.jsonl", LINE + "[" * 100_000 + "\n", 2, "r.jsonl:2 is not JSON"),
        ("r.jsonl", LINE.encode() + b'{"code": "\xff"}\n', 2, "r.jsonl:2 is not UTF-8 at column 11"),
        *[("r.jsonl", LINE + f'{{"code": {empty}}}\n', 2, "the text is empty") for empty in ('""', "null", '" \\n"')],
        ("r.json", f"[{LINE}, 5]", 2, "r.json:2 is not a JSON object"),
        ("r.csv", f'id,code\na,"{CODE}"\nb\n', 2, "r.csv:4 has more or fewer cells than the header line"),
        ("r.csv", f'id,code\na,"{CODE}"\nb,\n', 2, "the text is empty"),
        ("r.csv", "id,kode\na,b\n", 1, "r.csv:2 is not a proof: code: Field required"),
        ("e.lean", "", 1, "the text is empty"),
        ("e.lean", "\n\n", 1, "the text is empty"),
        ("e.lean", b"theorem\nt : \xff", 1, "e.lean:2 is not UTF-8 at column 5"),
        ("e.lean", "a\x00", 1, "e.lean is not a proof: code: NUL characters"),
    ],
)
def test_a_bad_row_is_named_and_leaves_the_others_alone(
    tmp_path: Path, name: str, text: str | bytes, number: int, why: str
) -> None:
    found = rows(write(tmp_path / name, text))

    assert [isinstance(row, BadRow) for row in found] == [False] * (number - 1) + [True]
    bad = found[-1]
    assert isinstance(bad, BadRow)
    assert why in bad.why.replace(f"{tmp_path}/", "")
    assert bad.id


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt", CODE, r"a\.txt: only \.lean, \.jsonl, \.json, \.csv, \.parquet files are read"),
        ("a.lean.gz", gzip.compress(CODE.encode(), mtime=0)[:-9], r"a\.lean\.gz cannot be unpacked"),
        ("a.jsonl.gz", gzip.compress(LINE.encode(), mtime=0) + b"garbage", r"a\.jsonl\.gz cannot be unpacked"),
        ("a.csv", f'id,code\na,"{CODE}"\nb,"c', r"a\.csv:4 is not CSV"),
        ("a.jsonl", LINE.encode("utf-16")[:-1], r"a\.jsonl:\d is not UTF-16"),
        ("a.parquet", "", r"a\.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes | str, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        rows(write(tmp_path / name, content))


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.lean", CODE)
    (tmp_path / "b.lean").symlink_to("gone")

    for path in (tmp_path, tmp_path / "b.lean"):
        with pytest.raises(InvalidRequest, match=r"b\.lean"):
            rows(path, skip=tmp_path / "verdicts.jsonl")


def test_a_link_that_leads_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.lean").symlink_to("b.lean")

    with pytest.raises(InvalidRequest, match=r"b\.lean cannot be read"):
        rows(tmp_path, skip=tmp_path / "verdicts.jsonl")


@pytest.mark.parametrize(
    "row", ['{"id": %s, "code": "x"}', '{"problem": %s, "code": "x"}', '{"name": %s, "proof": "x"}']
)
def test_a_number_beyond_any_float_costs_its_row(tmp_path: Path, row: str) -> None:
    bad, good = rows(write(tmp_path / "a.jsonl", f"{row % ('1' + '0' * 400)}\n{LINE}"))

    assert isinstance(bad, BadRow)
    assert "at most 256 characters" in bad.why
    assert good.id == "a"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.parametrize("name", ["a.lean", "a.jsonl", "a.parquet", "folder/a.lean"])
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, CODE)
    (path if path.parent == tmp_path else path.parent).chmod(0)
    try:
        with pytest.raises(InvalidRequest, match=r"cannot be read.*Permission denied"):
            rows(tmp_path)
    finally:
        path.parent.chmod(0o755)


def test_a_folder_is_walked_but_for_what_is_hidden_or_lakes(tmp_path: Path) -> None:
    for name in (".lake/packages/dep/D.lean", ".git/x.jsonl", "src/.#A.lean", "src/.hidden/B.lean", "lakefile.lean"):
        write(tmp_path / name, CODE)
    for name in ("src/A.lean", "B.lean", "more/rows.jsonl.gz", "package.json", "table.csv", "README.md"):
        write(tmp_path / name, gzip.compress(LINE.encode(), mtime=0) if name.endswith(".gz") else CODE)

    assert [row.id for row in rows(tmp_path)] == [str(tmp_path / "B.lean"), str(tmp_path / "src/A.lean"), "a"]
    assert only(rows(tmp_path / ".lake")).id == str(tmp_path / ".lake/packages/dep/D.lean"), "what is named is read"


def test_the_output_is_no_source(tmp_path: Path) -> None:
    output = write(tmp_path / "out.jsonl", "no proof")
    write(tmp_path / "in.jsonl", LINE)

    assert only(rows(tmp_path, skip=output)).id == "a"


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([CODE, None, ""], pyarrow.large_string()),
        pyarrow.array([CODE, None, ""], pyarrow.binary()),
        pyarrow.array([CODE, None, ""]).dictionary_encode(),
    ],
)
def test_columns_of_parquet(tmp_path: Path, column: Any) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"code": column, "id": [1, 2, 3], "problem": [1.5, None, 2.0]}), path)

    good, *bad = rows(path)

    assert (good.id, good.code, good.problem) == ("1", CODE, "1.5")
    assert [(row.id, row.why) for row in bad if isinstance(row, BadRow)] == [
        ("2", "the text is empty"),
        ("3", "the text is empty"),
    ]


def test_a_column_that_was_asked_for_and_is_not_there(tmp_path: Path) -> None:
    bad = only(rows(write(tmp_path / "a.jsonl", LINE), "code=answer"))

    assert isinstance(bad, BadRow)
    assert "a.jsonl:1 has no column 'answer'" in bad.why


STATEMENT = "theorem t (n : Nat) : n = n := by\n  sorry"


def test_rows_of_a_data_set_need_no_option(tmp_path: Path) -> None:
    lines = [
        {"name": "p", "split": "test", "formal_statement": STATEMENT, "proof": code} for code in ("rfl", "simp", "")
    ]
    path = write(tmp_path / "rows.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    found = rows(path)

    assert [row.id for row in found] == ["p", "p#2", "p#3"], "a problem names its attempts"
    assert [row.problem for row in found] == ["p"] * 3
    assert [isinstance(row, BadRow) for row in found] == [False, False, True]


def test_a_struct_of_parquet_is_read(tmp_path: Path) -> None:
    row = {
        "data_source": "lean",
        "reward_model": {"style": "rule", "ground_truth": {"statement": STATEMENT}},
        "proof": "rfl",
    }
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "rows.parquet")

    found = only(rows(tmp_path / "rows.parquet"))

    assert (found.statement, found.code) == (STATEMENT, "rfl")


def test_a_data_set_without_proofs_says_what_helps(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", json.dumps({"name": "p", "formal_statement": STATEMENT}))

    found = only(rows(path))

    assert isinstance(found, BadRow)
    assert found.why.startswith(f"{path}:1 is not a proof: code: Field required")
    assert "--code-column" in found.why


def test_a_statement_that_is_none_costs_its_row(tmp_path: Path) -> None:
    lines = [{"formal_statement": text, "proof": "rfl"} for text in ("no theorem", STATEMENT)]
    path = write(tmp_path / "rows.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    first, second = rows(path)

    assert isinstance(first, BadRow)
    assert "a statement reads `theorem NAME BINDERS : TYPE`" in first.why
    assert second.statement == STATEMENT


def test_one_field_has_one_column() -> None:
    assert Columns.parse([], statement="s", code=None).given == {"statement": "s"}
    with pytest.raises(InvalidRequest, match="name one column"):
        Columns.parse(["statement=a"], statement="b")
