"""Premise retrieval against lean-premise-server: the same answers, and how much sooner they come.

230 000 made-up premises, from the folder `CORPUS` or made by the test. Both servers use one embedding service that
costs next to nothing; they are measured in turn, because the machine is shared. At the end it prints the tables of
docs/benchmarks.md, and writes them to `TABLE` if that is set:

    PEERS_DIR=… CORPUS=… TABLE=… .venv/bin/python -m pytest tests/bench/test_retrieve.py -m bench -s

`ROUNDS` (3) and `REQUESTS` (480 by 32 clients per round and case; the peer gets an eighth) make it shorter.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.bench import large_corpus
from tests.bench.large_corpus import MODEL, REVISION
from tests.bench.retrieval_load import CASES, bodies, load
from tests.bench.retrieval_table import Row, accessible, bandwidth, markdown, stages_s
from tests.compat.comparison import assert_same, ranking
from tests.compat.peer import peer_folder, running_peer
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import await_true, running_farm

TIMED = ("a", "b", "s", "all", "m", "v")
ROUNDS = int(os.environ.get("ROUNDS", "3"))
REQUESTS = int(os.environ.get("REQUESTS", "480"))
CONNECTIONS = 32


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`CORPUS`, or a folder that is gone afterwards: it is 1.5 GB."""
    if given := os.environ.get("CORPUS"):
        yield Path(given)
        return
    folder = tmp_path_factory.mktemp("corpus")
    large_corpus.write(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tei(corpus: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.instant", str(port), str(corpus)]
    with subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2]) as service:
        try:
            await_true(lambda: _answers(f"http://127.0.0.1:{port}/info"), "the embedding service")
            yield f"http://127.0.0.1:{port}"
        finally:
            service.terminate()


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, scripted: Install, corpus: Path, tei: str
) -> Iterator[tuple[str, str]]:
    """The farm's URL and the peer's."""
    source = peer_folder()
    if source is None:
        pytest.skip("needs lean-premise-server with a virtual environment in $PEERS_DIR, see tests/compat/peer.py")
    with (
        _farm(tmp_path_factory.mktemp("ours"), scripted, corpus, tei) as ours,
        running_peer(source, tmp_path_factory.mktemp("theirs"), corpus, MODEL, REVISION, tei) as theirs,
    ):
        yield ours, theirs


@contextmanager
def _farm(folder: Path, repl: Install, corpus: Path, tei: str) -> Iterator[str]:
    settings = {**lean_settings(repl), "LEAN_WORKERS": "1", "DATA_REPO": str(corpus), "EMBED_SERVICE_URL": tei}
    with running_farm(folder, MODEL_ID=MODEL, MODEL_REVISION=REVISION, **settings) as farm:
        await_true(lambda: _answers(f"{farm.url}/indexed-modules"), "the corpus", 300)
        yield farm.url


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.bench
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES)
def test_answers_are_the_same(servers: tuple[str, str], case: str) -> None:
    for body in bodies(case)[:8]:
        mine, yours = (httpx.post(f"{url}/retrieve", json=body, timeout=60, trust_env=False) for url in servers)

        assert (mine.status_code, yours.status_code) == (200, 200)
        assert len(mine.json()) == 32
        assert_same(ranking(mine.json()), ranking(yours.json()))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[list[Row]]:
    """The results of the cases, printed at the end as tables."""
    seen = accessible(corpus, tmp_path_factory.mktemp("unpacked"), {case: bodies(case) for case in TIMED})
    found = [Row(case, seen[case], {}) for case in TIMED]
    yield found
    timed = [row for row in found if row.stages_s]
    tables = markdown(timed, ROUNDS, bandwidth())
    print(f"\n{tables}")
    if path := os.environ.get("TABLE"):
        Path(path).write_text(tables)


@pytest.mark.bench
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", TIMED)
def test_farm_against_peer(servers: tuple[str, str], rows: list[Row], case: str) -> None:
    """Measures one case: alone and with 32 connections, farm and peer in turn, so that both meet the same noise."""
    [row] = [row for row in rows if row.case == case]
    sent = bodies(case)
    for url in servers:
        load(url, sent, 1, 4)  # new premises are cached, pages and connections warm
    for _ in range(ROUNDS):
        for at, (url, requests) in enumerate(zip(servers, (REQUESTS, max(REQUESTS // 8, 32)), strict=True)):
            row.alone[at].append(load(url, sent, 1, 16))
            row.together[at].append(load(url, sent, CONNECTIONS, requests))
    assert not sum(answers.failed for answers in row.alone[0] + row.together[0])
    row.stages_s = stages_s(servers[0], sent[:16])
