"""`farm doctor` relies on no claim: not on the installer of Lean, nor on a server that only says that it lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from farm.doctor import Finding, diagnose
from farm.settings import Settings
from tests.support.tei import Tei

LAKE = 'mkdir -p "$HOME/.elan/bin"\nprintf "#!/bin/sh\\necho Lake version 5.0.0\\n" > "$HOME/.elan/bin/lake"\n'


def install(home: Path, curl: str) -> subprocess.CompletedProcess[str]:
    """Install into an empty home, with a stand-in for what the installer downloads with."""
    program = home / "bin" / "curl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{curl}\n")
    program.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{program.parent}:/usr/bin:/bin", "LAKE_PATH": "lake"}
    command = [sys.executable, "-m", "farm", "doctor", "--install-lean", "--json"]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "curl",
    [
        "echo 'curl: (6) Could not resolve host' >&2; exit 6",
        "echo 'echo an installer that ends too early'",
        f"cat <<'END'\n{LAKE}END",
    ],
    ids=["no network", "nothing installed", "a lake that does not run"],
)
def test_without_a_lake_that_runs_it_says_so(tmp_path: Path, curl: str) -> None:
    run = install(tmp_path, curl)

    assert run.returncode == 1
    assert "Lean was not installed, for the reason above" in run.stderr
    assert "success" not in run.stderr
    assert run.stdout == ""


def test_the_reason_is_told(tmp_path: Path) -> None:
    assert "Could not resolve host" in install(tmp_path, "echo 'curl: (6) Could not resolve host' >&2; exit 6").stderr


def test_with_one_it_names_its_version(tmp_path: Path) -> None:
    run = install(tmp_path, f"cat <<'END'\n{LAKE}chmod +x \"$HOME/.elan/bin/lake\"\nEND")

    assert "Lake version 5.0.0" in run.stderr


Diagnose = Callable[..., dict[str, Finding]]


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Diagnose:
    """Returns the findings for settings, by subject. There is no Lean, so that its check ends at once."""
    monkeypatch.setenv("LAKE_PATH", str(tmp_path / "no-lake"))

    def diagnosed(**settings: Any) -> dict[str, Finding]:
        given = Settings(_env_file=None, data_dir=tmp_path, **{"farm_url": "http://127.0.0.1:9", **settings})
        return {each.subject: each for each in diagnose(given)}

    return diagnosed


@pytest.mark.parametrize("key", ["a\nb", "é"])
def test_a_key_that_no_header_can_carry_is_named(diagnosed: Diagnose, key: str) -> None:
    found = diagnosed(embed_service_url="http://127.0.0.1:1", embed_api_key=key)["embedding"]

    assert (found.state, found.advice) == ("missing", "correct EMBED_API_KEY")


def test_an_embedding_service_that_refuses_the_key_is_missing(diagnosed: Diagnose) -> None:
    with Tei() as tei:
        tei.api_key = "right"
        wrong = diagnosed(embed_service_url=tei.url, embed_api_key="wrong")["embedding"]
        right = diagnosed(embed_service_url=tei.url, embed_api_key="right")["embedding"]

    assert (wrong.state, wrong.advice) == ("missing", "set EMBED_API_KEY to its key")
    assert (right.state, right.found) == ("ok", f"TEI at {tei.url}")


def test_a_model_without_the_library_that_runs_it_is_missing() -> None:
    program = "import sys; sys.modules['sentence_transformers'] = None; "
    program += "from farm.doctor import diagnose; from farm.settings import load; "
    program += "print([each.state for each in diagnose(load()) if each.subject == 'embedding'])"
    environment = {**os.environ, "MODEL_ID": "some/model", "LAKE_PATH": "/no-lake", "FARM_URL": "http://127.0.0.1:9"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert run.stdout == "['missing']\n"


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Serve one JSON value at every address."""

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("body", [b'"ok"', b'{"checks": {"db": {"status": "UP"}}}'])
def test_another_server_is_no_farm_and_no_password_is_shown(diagnosed: Diagnose, body: bytes) -> None:
    with answering(body) as address:
        urls = {"farm_url": f"http://me:secret@{address}", "embed_service_url": f"http://me:secret@{address}"}
        found = diagnosed(**urls)

    assert found["farm"].found == f"no farm answers at http://{address}"
    assert found["embedding"].found == f"TEI at http://{address}"
    assert "secret" not in str(found)
