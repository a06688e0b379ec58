"""Kimina Lean Server itself, run from its own source beside the farm: `$PEERS_DIR/kimina-lean-server`.

    git clone https://github.com/project-numina/kimina-lean-server $PEERS_DIR/kimina-lean-server
    cd $PEERS_DIR/kimina-lean-server && python3.11 -m venv .venv && .venv/bin/pip install kimina-client==0.2.1 \
        fastapi==0.116.1 uvicorn==0.35.0 psutil rich prisma google-cloud-logging

Nothing of it is changed, and nothing of it is in this repository. Its database client is generated with a download that
is not needed without a database: a stand-in that cannot connect takes its place on the path.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from farm.local.ports import free_port
from tests.compat.peer import inherited
from tests.support.repl.install import Install
from tests.support.running import await_true, end_everything

START_TIMEOUT_S = 60
_NAME = "kimina-lean-server"
_NO_DATABASE = """\
class Prisma:
    async def connect(self):
        raise RuntimeError("no database")
"""


def kimina_folder() -> Path | None:
    """Return its checkout, if this machine has one with a virtual environment in it."""
    folder = Path(os.environ.get("PEERS_DIR", "/nonexistent")) / _NAME
    return folder if (folder / ".venv" / "bin" / "python").exists() else None


@contextmanager
def running_kimina(source: Path, scratch: Path, repl: Install, **settings: str) -> Iterator[str]:
    """Start it on a REPL with these settings and yield its URL.

    Args:
        source: its checkout.
        scratch: a folder that is not there yet.
        repl: the REPL, with a `lake` beside it.
        settings: `LEAN_SERVER_…` by their names without that.
    """
    (scratch / "project").mkdir(parents=True)
    (scratch / "prisma.py").write_text(_NO_DATABASE)
    port = free_port()
    own = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "REPL_PATH": str(repl.repl_dir / ".lake/build/bin/repl"),
        "PROJECT_DIR": str(scratch / "project"),
        "MAX_REPLS": "2",
        **settings,
    }
    environment = {
        **inherited(),
        **{f"LEAN_SERVER_{name}": value for name, value in own.items()},
        "PATH": f"{repl.lake_path.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{scratch}:{source}",
    }
    log = scratch / "peer.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [str(source / ".venv/bin/python"), "-m", "server"], cwd=scratch, env=environment, stdout=out, stderr=out
        ) as peer,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            await_true(lambda: _answers(url, peer, log), _NAME, START_TIMEOUT_S)
            yield url
        finally:
            peer.terminate()
            peer.wait(30)
            end_everything(scratch)


def _answers(url: str, peer: subprocess.Popen[bytes], log: Path) -> bool:
    if peer.poll() is not None:
        raise AssertionError(f"{_NAME} ended:\n{log.read_text()[-4000:]}")
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
