"""`farm verify` on data sets: columns, files, the hub, and their faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from farm.client import Manifest
from tests.support.data_sets import FALSE, TRUE, read_lines, write_lines
from tests.support.running import RunningFarm

COMMIT = "0123456789abcdef0123456789abcdef01234567"


ROWS = [
    {"name": 7, "answer": TRUE, "statement": "prose, not Lean", "task": 1, "model": "m"},
    {"name": 8, "answer": FALSE, "statement": "prose, not Lean", "task": 1, "model": "m"},
]


COLUMNS = ("--column", "code=answer", "--column", "id=name", "--column", "problem=task", "--column", "statement=")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def outcomes(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert "Traceback" not in run.stderr, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {each["id"]: each["outcome"] for each in found}


@pytest.mark.parametrize("write", [write_parquet, write_lines])
def test_columns_of_a_local_data_set(farm: RunningFarm, tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / f"rows.{'parquet' if write is write_parquet else 'jsonl'}", ROWS)

    run = farm.command("verify", str(path), *COLUMNS, "--json", "--manifest", str(tmp_path / "run.json"))

    assert outcomes(run) == {"7": "accepted", "8": "rejected"}
    assert run.returncode == 1
    assert [proof.problem for proof in Manifest.read(tmp_path / "run.json").proofs] == ["1", "1"]


def test_a_row_without_an_id_is_named_by_its_place(farm: RunningFarm, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p.parquet", [{"code": TRUE}, {"code": FALSE}])
    assert outcomes(farm.command("verify", str(path), "--json")) == {f"{path}:1": "accepted", f"{path}:2": "rejected"}


@pytest.fixture
def hub_cache(tmp_path: Path) -> Path:
    """The cache of the hub's client, with one data set in it, as the client leaves it."""
    repo = tmp_path / "cache" / "datasets--some--proofs"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "v1").write_text(COMMIT)
    (repo / "refs" / "main").write_text(COMMIT)
    snapshot = repo / "snapshots" / COMMIT
    write_parquet(snapshot / "data" / "test-00000-of-00001.parquet", ROWS)
    write_lines(snapshot / "data" / "latest.jsonl", [{**ROWS[0], "name": "latest"}])
    write_lines(snapshot / "train.jsonl", [{**ROWS[0], "name": 9}])
    (snapshot / "README.md").write_text("proofs")
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("url", "more", "ids"),
    [
        ("hf://datasets/some/proofs", [], {"7", "8", "9", "latest"}),
        ("hf://datasets/some/proofs@v1/data", [], {"7", "8", "latest"}),
        ("hf://datasets/some/proofs", ["--split", "test"], {"7", "8"}),
        ("hf://datasets/some/proofs/train.jsonl", [], {"9"}),
        ("hf://datasets/some/proofs/data/*.jsonl", [], {"latest"}),
    ],
)
def test_a_data_set_of_the_hub(
    farm: RunningFarm, hub_cache: Path, monkeypatch: pytest.MonkeyPatch, url: str, more: list[str], ids: set[str]
) -> None:
    monkeypatch.setitem(farm.environment, "HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(farm.environment, "HF_HUB_CACHE", str(hub_cache))

    run = farm.command("verify", url, *COLUMNS, *more, "--json")

    assert set(outcomes(run)) == ids
    assert f"some/proofs at {COMMIT}" in run.stderr, "what was judged is told by its commit"


def test_a_data_set_comes_over_http(farm: RunningFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "test.parquet", ROWS)
    with serve_hub(path.read_bytes()) as url:
        monkeypatch.setitem(farm.environment, "HF_ENDPOINT", url)
        monkeypatch.setitem(farm.environment, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setitem(farm.environment, "HF_HUB_DISABLE_XET", "1")
        run = farm.command("verify", "hf://datasets/some/proofs@v1", *COLUMNS, "--json")

    assert outcomes(run) == {"7": "accepted", "8": "rejected"}


@contextmanager
def serve_hub(content: bytes) -> Iterator[str]:
    """Stand in for the hub: one data set of one file, by the three routes that its client asks."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, _ = self.path.partition("?")
            file = {"type": "file", "path": "data/test.parquet", "size": len(content), "oid": "0" * 40}
            known: dict[str, Any] = {
                "/api/datasets/some/proofs/revision/v1": {"id": "some/proofs", "sha": COMMIT},
                f"/api/datasets/some/proofs/tree/{COMMIT}": [file],
            }
            self._answer(json.dumps(known[path]).encode() if path in known else content)

        do_HEAD = do_GET  # noqa: N815 - the same

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"etag"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_wrong_wishes_are_told_in_one_line(
    farm: RunningFarm, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(farm.environment, "HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(farm.environment, "HF_HUB_CACHE", str(hub_cache))
    lean = tmp_path / "a.lean"
    lean.write_text(TRUE)
    rows = write_parquet(tmp_path / "rows.parquet", ROWS)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "notes.jsonl").write_text("dear diary")
    for arguments, words in [
        (["hf://datasets/some"], "hf://datasets/OWNER/NAME"),
        (["hf://datasets/some/others"], "Cannot fetch the data set some/others"),
        (["hf://datasets/some/proofs", "--split", "dev"], "no .jsonl or .parquet file of a split 'dev'"),
        ([str(rows)], "rows.parquet:1 is not a proof: code: Field required"),
        ([str(rows), "--column", "code=proof"], "rows.parquet:1 has no column 'proof'"),
        ([str(rows), "--column", "proof=answer"], "FIELD=COLUMN"),
        ([str(tmp_path / "broken.parquet")], "cannot be read as Parquet"),
        ([str(lean), "--output", "verdicts.csv"], ".jsonl, .parquet, .tsv"),
        ([str(lean), "--output", "nowhere/verdicts.jsonl"], "a folder that exists"),
        ([str(lean), "--output", str(tmp_path / "notes.jsonl")], "notes.jsonl:1 is not a verdict"),
        ([str(lean), "--level", "checked"], "needs one"),
        ([str(lean), "--split", "test"], "no path begins with hf://"),
        ([str(lean), "--pass-at", ""], "--pass-at takes numbers of attempts"),
    ]:
        run = farm.command("verify", *arguments)
        assert run.returncode == 2, run.stderr
        assert words in " ".join(run.stderr.split())
        assert "Traceback" not in run.stderr
    assert (tmp_path / "notes.jsonl").read_text() == "dear diary"


def test_without_the_extra_it_is_named(farm: RunningFarm, tmp_path: Path) -> None:
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pyarrow", "huggingface_hub"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from farm.cli import main
main()
"""
    (tmp_path / "rows.parquet").write_bytes(b"")
    for path in (str(tmp_path / "rows.parquet"), "hf://datasets/some/proofs"):
        command = [sys.executable, "-c", program, "verify", path]
        environment = {**farm.environment, "FARM_URL": farm.url}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 1
        assert "pip install 'leanfarm[datasets]'" in run.stderr


def test_verdicts_as_a_table_and_as_parquet(farm: RunningFarm, tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "rows.parquet", ROWS)
    for suffix in ("tsv", "parquet"):
        run = farm.command("verify", str(source), *COLUMNS, "--output", str(tmp_path / f"out.{suffix}"))
        assert (run.returncode, run.stdout) == (1, "")
        assert "1 accepted, 1 rejected, 0 undecided" in run.stderr

    head, *lines = (tmp_path / "out.tsv").read_text().splitlines()
    assert head.split("\t") == ["proof", "outcome", "reason", "time s", "runs", "message"]
    assert [line.split("\t")[:3] for line in lines] == [["7", "accepted", ""], ["8", "rejected", "error"]]
    good, bad = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert (good["id"], good["reward"], good["problem"], good["messages"]) == ("7", 1.0, "1", [])
    assert (bad["reason"], bad["messages"][0]["severity"], bad["messages"][0]["line"]) == ("error", "error", 1)
    assert "scripted" in bad["lean_version"]


def test_a_bad_row_costs_that_row_and_not_the_run(farm: RunningFarm, tmp_path: Path) -> None:
    source, output, manifest = tmp_path / "rows.jsonl", tmp_path / "out.jsonl", tmp_path / "run.json"
    good, empty = json.dumps({"id": "good", "code": TRUE}), json.dumps({"id": "empty", "code": ""})
    source.write_text(f"{good}\nnot json\n{empty}\n")
    arguments = (str(source), "--output", str(output), "--manifest", str(manifest))

    for _ in range(2):
        run = farm.command("verify", *arguments)
        assert run.returncode == 1
        assert f"1 of 3 hold no proof and are rejected; the first: {source}:2 is not JSON" in run.stderr
        found = {row["id"]: (row["outcome"], row["reason"], row["messages"]) for row in read_lines(output)}
        assert found["good"][0] == "accepted"
        assert found["empty"][:2] == found[f"{source}:2"][:2] == ("rejected", "error")
        assert found["empty"][2][0]["data"] == "the text is empty"
        assert len(read_lines(output)) == 3, "a row that is known is not written again"
    assert Manifest.read(manifest).counts.rejected == 2


def test_a_row_that_was_read_wrongly_is_sent_once_the_call_is_right(farm: RunningFarm, tmp_path: Path) -> None:
    source, output = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows: list[dict[str, Any]] = [{"id": "a", "code": TRUE, "tasks": ["x"]}, {"id": "b", "code": TRUE, "tasks": "x"}]
    write_lines(source, [{**row, "task": "x"} for row in rows])
    call = ("verify", str(source), "--output", str(output), "--problem-column")

    assert "1 of 2 hold no proof" in farm.command(*call, "tasks").stderr
    assert [row["outcome"] for row in read_lines(output) if row["id"] == "a"] == ["rejected"]
    assert farm.command(*call, "task").returncode == 0
    assert {row["id"]: row["outcome"] for row in read_lines(output)} == {"a": "accepted", "b": "accepted"}
    assert len(read_lines(output)) == 2


def test_an_empty_file_says_so(farm: RunningFarm, tmp_path: Path) -> None:
    (tmp_path / "empty.lean").touch()

    run = farm.command("verify", str(tmp_path / "empty.lean"))

    assert run.returncode == 1
    assert "rejected\terror" in run.stdout
    assert "the text is empty" in run.stdout


def test_rows_come_over_stdin(farm: RunningFarm) -> None:
    lines = "".join(json.dumps({"id": name, "code": code}) + "\n" for name, code in (("a", TRUE), ("b", FALSE)))

    assert outcomes(farm.command("verify", "-", "--json", input=lines)) == {"a": "accepted", "b": "rejected"}


def test_what_cannot_be_kept_is_refused_before_the_run(farm: RunningFarm, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"code": TRUE}])
    (tmp_path / "folder.parquet").mkdir()
    with farm.client() as client:
        before = client.batches(limit=1)
        for option, path in [
            ("--manifest", "/nonexistent/m.json"),
            ("--manifest", str(tmp_path)),
            ("--output", "/nonexistent/o.jsonl"),
            ("--output", str(tmp_path / "folder.parquet")),
        ]:
            run = farm.command("verify", str(source), option, path)
            assert run.returncode == 2, run.stderr
            assert "Traceback" not in run.stderr
        assert client.batches(limit=1) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.parquet", "in.jsonl"]


def test_a_manifest_goes_into_a_fifo(farm: RunningFarm, tmp_path: Path) -> None:
    source, fifo = write_lines(tmp_path / "in.jsonl", [{"code": TRUE}]), tmp_path / "fifo"
    os.mkfifo(fifo)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(fifo.read_bytes)
        try:
            run = farm.command("verify", str(source), "--manifest", str(fifo))
        finally:
            # If the command has not opened the FIFO, the reader is still waiting.
            os.close(os.open(fifo, os.O_RDWR))

        assert run.returncode == 0, run.stderr
        assert fifo.is_fifo()
        assert Manifest.model_validate_json(read.result(60)).counts.accepted == 1
