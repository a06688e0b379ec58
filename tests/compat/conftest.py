"""One data set, one embedding stand-in, and the two servers on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.corpus import DIMENSION, MODEL, REVISION, data_set, vector_of, write
from tests.compat.peer import peer_folder, running_peer
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import await_true, running_farm
from tests.support.tei import Fault, Tei


class _Tei(Tei):
    """A stand-in whose vectors are those the reference reckons with."""

    def rows(self, inputs: Iterable[str], fault: Fault | None) -> list[list[float | None]]:
        return [vector_of(text).tolist() for text in inputs]


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compat") / "data"
    write(data_set(), folder)
    return folder


@pytest.fixture(scope="session")
def tei() -> Iterator[Tei]:
    with _Tei(DIMENSION, model_id=MODEL) as tei:
        yield tei


@pytest.fixture(scope="session")
def ours(
    tmp_path_factory: pytest.TempPathFactory, scripted: Install, data_folder: Path, tei: Tei
) -> Iterator[httpx.Client]:
    """The farm."""
    settings: dict[str, Any] = {**lean_settings(scripted), "LEAN_WORKERS": "1", "DATA_REPO": str(data_folder)}
    settings |= {"MODEL_ID": MODEL, "MODEL_REVISION": REVISION, "EMBED_SERVICE_URL": tei.url}
    with running_farm(tmp_path_factory.mktemp("ours"), **settings) as farm, _client(farm.url) as client:
        await_true(lambda: client.get("/indexed-modules").status_code == 200, "the corpus")
        calls = len(tei.calls)
        assert calls < 5, "the vectors of the data set must be used and not made again"
        yield client


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory, data_folder: Path, tei: Tei) -> Iterator[httpx.Client]:
    """lean-premise-server."""
    source = peer_folder()
    if source is None:
        pytest.skip("needs lean-premise-server with a virtual environment in $PEERS_DIR, see tests/compat/peer.py")
    scratch = tmp_path_factory.mktemp("theirs")
    with (
        running_peer(source, scratch, data_folder, MODEL, REVISION, tei.url) as url,
        _client(url) as client,
    ):
        yield client


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, trust_env=False)
