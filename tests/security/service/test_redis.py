"""A Redis that requires TLS and a user with only the rights that the farm needs; and that logs hold no secrets."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from farm import Outcome
from farm.errors import StoreUnavailable
from farm.local.ports import free_port
from farm.store.connection import answers, check_server
from tests.conftest import lean_settings, require
from tests.security.service.conftest import EMBED_KEY, Guarded
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import await_true, running_farm

PASSWORD = "a-password-for-redis-5c1e"
# As deploy/first-start.sh writes them.
ACL = "user default on nopass -@all +ping\nuser farm on #{} ~* &* +@all -@dangerous +info\n"


@dataclass(frozen=True)
class Secured:
    """A server behind TLS with users.

    Attributes:
        ca: the certificate that signs for it.
        other_ca: one that does not.
    """

    port: int
    ca: Path
    other_ca: Path

    def url(self, password: str = PASSWORD, ca: Path | None = None) -> str:
        """Return the URL of docs/service.md."""
        query = f"ssl_cert_reqs=required&ssl_ca_certs={ca or self.ca}"
        return f"rediss://farm:{password}@127.0.0.1:{self.port}/0?{query}"


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself."""
    path = folder / f"{name}.pem"
    what = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=redis",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    command = ["openssl", "req", "-x509", *what, "-keyout", str(folder / f"{name}.key"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    require(binary and shutil.which("openssl"), "openssl, and a valkey-server or redis-server that was built with TLS")
    folder = tmp_path_factory.mktemp("tls")
    found = Secured(free_port(), certificate(folder, "server"), certificate(folder, "other"))
    users = folder / "users.acl"
    users.write_text(ACL.format(sha256(PASSWORD.encode()).hexdigest()))
    tls = ["--tls-cert-file", found.ca, "--tls-key-file", folder / "server.key", "--tls-auth-clients", "no"]
    options = ["--port", "0", "--tls-port", found.port, *tls, "--aclfile", users, "--bind", "127.0.0.1", "--save", ""]
    command = [str(binary), *map(str, options), "--dir", str(folder), "--maxmemory-policy", "noeviction"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: answers(found.url(), 5.0), "Redis over TLS")
            yield found
        finally:
            server.terminate()
            server.wait(10)


@pytest.mark.system
def test_a_whole_farm_runs_over_tls_with_a_users_rights(secured: Secured, tmp_path: Path, scripted: Install) -> None:
    assert check_server(open_store(secured.url()))

    with running_farm(tmp_path, **lean_settings(scripted), REDIS_URL=secured.url()) as farm, farm.client() as sdk:
        verdicts = sdk.verify(["theorem a : 1 + 1 = 2 := rfl", "theorem a : 1 + 1 = 3 := rfl"])
        premises = sdk.retrieve("a b : Nat\n⊢ a + b = b + a", k=5)
        logs = "".join(path.read_text() for path in (tmp_path / "data" / "logs").iterdir())
        logs += (tmp_path / "up.log").read_text()

    assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert premises
    assert PASSWORD not in logs


@pytest.mark.system
@pytest.mark.parametrize("attempt", ["plain text", "another authority", "wrong password"])
def test_nobody_else_gets_in(secured: Secured, attempt: str) -> None:
    url = {
        "plain text": f"redis://farm:{PASSWORD}@127.0.0.1:{secured.port}/0",
        "another authority": secured.url(ca=secured.other_ca),
        "wrong password": secured.url(password="wrong"),
    }[attempt]

    with pytest.raises(StoreUnavailable) as refused:
        check_server(open_store(url))
    assert PASSWORD not in str(refused.value)


def test_no_log_holds_a_secret(guarded: Guarded, tmp_path: Path) -> None:
    """Whatever is sent to a farm, wherever in a request, and whatever fails on it, its logs say nothing of it."""
    canary = "canary-7f3a9c21"
    key = guarded.keys["mine"]
    with guarded.http("mine") as http:
        for code in (
            f"theorem {canary} : 1 = 1 := rfl",
            f"-- crash! {canary}",
            f"-- garbage! {canary}",
            f"import {canary}",
        ):
            http.post("/v1/verify", json={"proofs": [{"code": code, "id": canary, "problem": canary}]})
        http.post("/v1/verify", content=f'{{"{canary}'.encode(), headers={"Content-Type": "application/json"})
        http.post("/v1/batches", json={"proofs": [{"code": "x"}]}, headers={"Idempotency-Key": canary})
        http.post("/retrieve", json={"state": canary, "k": 1})
        http.get(f"/v1/batches/{canary}", params={"after": canary})
    for header in (f"Bearer {key}x", f"Basic {key}", key, f"Bearer {canary}"):
        assert httpx.get(f"{guarded.farm.url}/v1/batches", headers={"Authorization": header}).status_code == 401

    folder = guarded.farm.folder / "data" / "logs"
    logs = "".join(path.read_text() for path in folder.iterdir()) + (guarded.farm.folder / "up.log").read_text()
    password = guarded.farm.redis_url.partition("://:")[2].partition("@")[0]
    assert "repl.died" in logs, "the log that is looked at is the farm's"
    assert len(password) > 20
    for secret in (canary, key, *guarded.keys.values(), EMBED_KEY, password):
        assert secret not in logs
