"""lean-premise-server itself, run from its own source beside the farm: `$PEERS_DIR/lean-premise-server`.

It asks the Hugging Face hub for its data; a hub cache laid out by hand and `HF_HUB_OFFLINE=1` answer it instead.
Nothing of it is changed, and nothing of it is in this repository.

    git clone https://github.com/hanwenzhu/lean-premise-server $PEERS_DIR/lean-premise-server
    cd $PEERS_DIR/lean-premise-server && python3.11 -m venv .venv && .venv/bin/pip install -r app/requirements.txt
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from farm.local.ports import free_port
from tests.support.running import await_true

START_TIMEOUT_S = 300
_NAME = "lean-premise-server"
_COMMIT = "0" * 40
_REPOSITORY = "stand-in/premises"
_SETTINGS = {
    "DATA_REPO": _REPOSITORY,
    "DTYPE": "float32",
    "EMBED_SERVICE_TIMEOUT": "",
    "EMBED_SERVICE_MAX_CONCURRENT_INPUTS": "128",
    "MAX_CLIENT_BATCH_SIZE": "32",
    "LRU_CACHE_SIZE": "131072",
    "MAX_NEW_PREMISES": "2048",
    "MAX_K": "1024",
}
"""What its own `.env` says."""


def peer_folder() -> Path | None:
    """Return its checkout, if this machine has one with a virtual environment in it."""
    folder = Path(os.environ.get("PEERS_DIR", "/nonexistent")) / _NAME
    return folder if (folder / ".venv" / "bin" / "python").exists() else None


@contextmanager
def running_peer(source: Path, scratch: Path, data_set: Path, model: str, revision: str, tei: str) -> Iterator[str]:
    """Start it on a data set and yield its URL.

    Args:
        source: its checkout.
        scratch: a folder that is not there yet.
        data_set: holds `premises.tar.gz` and `embeddings/`.
        model: the embedding model, `owner/name`.
        revision: of the model and of the data set.
        tei: URL of the embedding service.
    """
    _lay_out_cache(scratch, data_set, revision)
    port = free_port()
    more = {"DATA_DIR": str(scratch), "DATA_REVISION": revision, "MODEL_ID": model, "MODEL_REVISION": revision}
    environment = {**inherited(), **_SETTINGS, **more, "EMBED_SERVICE_URL": tei, "HF_HUB_OFFLINE": "1"}
    command = [
        str(source / ".venv/bin/python"),
        "-m",
        "uvicorn",
        "main:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    log = scratch / "peer.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=source / "app", env=environment, stdout=out, stderr=out) as peer,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            await_true(lambda: _answers(url, peer, log), _NAME, START_TIMEOUT_S)
            yield url
        finally:
            peer.terminate()
            peer.wait(30)


def _lay_out_cache(scratch: Path, data_set: Path, revision: str) -> None:
    repository = scratch / f"datasets--{_REPOSITORY.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / revision).write_text(_COMMIT)
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / _COMMIT).symlink_to(data_set, target_is_directory=True)


def inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _answers(url: str, peer: subprocess.Popen[bytes], log: Path) -> bool:
    if peer.poll() is not None:
        raise AssertionError(f"{_NAME} ended:\n{log.read_text()[-4000:]}")
    try:
        return httpx.get(f"{url}/max-new-premises", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
