"""The API as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def test_a_taken_port_ends_it_with_a_word(valkey_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "PORT": str(taken.getsockname()[1]), "REDIS_URL": valkey_url}
        command = [sys.executable, "-m", "api"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert run.returncode != 0
    assert "in use" in run.stderr
