"""Proxy and certificate variables, right or wrong, do not affect connections to this same host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm import Farm, Outcome
from farm.loopback import is_loopback
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
# A proxy that nobody is behind, one of a kind that needs a package, one of no kind, a list that cannot be read, and
# certificates that are not there.
VARIABLES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "all_proxy": "socks://127.0.0.1:7890/",
    "NO_PROXY": "[fd00::/8]",
    "SSL_CERT_FILE": "/nonexistent.pem",
    "SSL_CERT_DIR": "/nonexistent",
}


def test_a_farm_starts_and_works_past_them(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "own", **lean_settings(scripted), **VARIABLES) as farm:
        proof = farm.folder / "two.lean"
        proof.write_text(TRUE)

        assert farm.command("verify", str(proof)).returncode == 0
        assert farm.command("retrieve", "⊢ True", "-k", "1").returncode == 0
        assert farm.command("status").returncode == 0
        findings = json.loads(farm.command("doctor", "--json").stdout)
        assert "farm: lean" in {finding["subject"] for finding in findings}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_sdk_asks_this_host_past_them(farm: RunningFarm, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    url = farm.url.replace("127.0.0.1", host)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    with Farm(url) as client:
        assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("host", "is_this"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", True),
        ("farm.example", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_this_host_has_many_names(host: str, is_this: bool) -> None:
    assert is_loopback(host) is is_this
