"""The API as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from tests.support.running import await_true


def test_a_taken_port_ends_it_with_a_word(valkey_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "PORT": str(taken.getsockname()[1]), "REDIS_URL": valkey_url}
        command = [sys.executable, "-m", "api"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert run.returncode != 0
    assert "in use" in run.stderr


def answers(connection: HTTPConnection) -> int:
    connection.request("GET", "/livez")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_idle_connection_is_kept_and_the_api_stops_all_the_same(valkey_url: str, tmp_path: Path) -> None:
    """Clients pool connections: the one that closes first has to be the one that sends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "REDIS_URL": valkey_url, "DATA_DIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "api"], env=environment) as api:
        try:
            await_true(lambda: listens(port), "the API")
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            assert answers(connection) == 200
            time.sleep(6)  # what is tested; a connection that was closed meanwhile would fail at the next line
            assert answers(connection) == 200
            api.terminate()
            assert api.wait(30) in (0, -signal.SIGTERM)
            connection.close()
        finally:
            api.kill()
