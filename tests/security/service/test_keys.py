"""Keys: who may do what, and that another key's batch looks as if it did not exist."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ConfigurationError, FarmError, Forbidden, Unauthorized
from farm.keys import Gate, Keyring, Scope, create_key, read_keys, revoke_key
from tests.security.service.conftest import Guarded

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
METHODS = ("get", "post", "put", "patch", "delete")
OPEN = {"/livez", "/readyz", "/health", "/"}
# The routes that one scope opens, and a body that each takes.
ROUTES: dict[Scope, list[tuple[str, str, Any]]] = {
    Scope.VERIFY: [
        ("POST", "/v1/verify", {"proofs": [{"code": TRUE}]}),
        ("GET", "/v1/batches", None),
        ("GET", "/v1/environments", None),
        ("POST", "/v1/rows", {"rows": [{"formal_statement": "theorem two : 1 + 1 = 2"}]}),
        ("POST", "/v1/commands", {"requests": [{"cmd": TRUE}]}),
        ("POST", "/v1/tactics", {"goals": [{"statement": "theorem two : 1 + 1 = 2", "candidates": ["rfl"]}]}),
        (
            "POST",
            "/v1/rewards/openrlhf?undecided=0",
            {"query": ["by rfl"], "prompts": [""], "labels": ["theorem two : 1 + 1 = 2"]},
        ),
        ("POST", "/api/check", {"snippets": [{"id": "a", "code": TRUE}]}),
        ("POST", "/verify", {"codes": [{"custom_id": "a", "proof": TRUE}]}),
        ("POST", "/one_pass_verify_batch", {"codes": [{"custom_id": "a", "proof": TRUE}]}),
    ],
    Scope.RETRIEVE: [
        ("POST", "/retrieve", {"state": "x", "k": 1}),
        ("POST", "/v1/retrieve", {"states": ["x"], "k": 1}),
        ("GET", "/indexed-modules", None),
        ("GET", "/indexed-premises", None),
        ("GET", "/max-new-premises", None),
    ],
    Scope.OPERATE: [("GET", "/v1/workers", None), ("GET", "/v1/history", None), ("GET", "/metrics", None)],
    # The farm of these tests has no JOIN_ADDRESS: a key that may ask is told so.
    Scope.JOIN: [("GET", "/v1/join", None)],
}
ANSWERS = {Scope.JOIN: 409}


def operations(guarded: Guarded) -> list[tuple[str, str]]:
    """Return the method and path of every route that the farm describes."""
    with guarded.http() as http:
        paths = http.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, item in paths.items() for method in METHODS if method in item]


def test_without_a_key_only_probes_answer(guarded: Guarded) -> None:
    with guarded.http() as stranger:
        for method, path in [*operations(guarded), ("GET", "/metrics")]:
            answer = stranger.request(method, path.format(batch_id="x", index=0), json={})
            if path in OPEN:
                assert answer.status_code == 200, path
            else:
                assert answer.status_code == 401, path
                assert "FARM_API_KEY" in answer.text or answer.json() == {"detail": "Missing API key"}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic {key}", "{key}", "Bearer lf_nope", "Bearer {digest}", "Bearer {key}x"]
)
def test_what_is_no_key_is_refused(guarded: Guarded, header: str) -> None:
    digest = read_keys(guarded.keys_file)["mine"].digest
    sent = header.format(key=guarded.keys["mine"], digest=digest).encode()

    with guarded.http() as stranger:
        assert stranger.get("/v1/batches", headers={b"Authorization": sent}).status_code == 401


@pytest.mark.parametrize("scope", Scope)
def test_a_key_is_good_for_its_scope_alone(guarded: Guarded, scope: Scope) -> None:
    with guarded.http(f"only-{scope}") as http:
        for wanted, routes in ROUTES.items():
            for method, path, body in routes:
                answer = http.request(method, path, json=body)
                expected = ANSWERS.get(wanted, 200) if wanted is scope else 403
                assert answer.status_code == expected, (path, answer.text)
                assert wanted is scope or f"`{wanted}`" in answer.text


def test_every_route_stands_in_the_table_above(guarded: Guarded) -> None:
    tested = {path.partition("?")[0] for routes in ROUTES.values() for _, path, _ in routes}

    rest = {path for _, path in operations(guarded)} - tested - OPEN
    assert all(path.startswith("/v1/batches") for path in rest), rest


def test_anothers_batch_is_as_if_it_were_not_there(guarded: Guarded) -> None:
    with guarded.http("mine") as mine, guarded.http("theirs") as theirs:
        batch = mine.post("/v1/batches", json={"proofs": [{"code": TRUE}]}).json()["batch_id"]
        routes = [(method, path) for method, path in operations(guarded) if "{batch_id}" in path]
        assert len(routes) >= 4
        for method, path in routes:
            for accept in ("*/*", "application/x-ndjson", "text/event-stream"):
                headers = {"Accept": accept}
                real, made_up = (
                    theirs.request(method, path.format(batch_id=name, index=0), params={"text": "a"}, headers=headers)
                    for name in (batch, "nope")
                )
                assert (real.status_code, real.json()["error"]["code"]) == (404, "not_found")
                assert real.text.replace(batch, "nope") == made_up.text
        assert batch not in theirs.get("/v1/batches").text
        assert mine.get(f"/v1/batches/{batch}").json()["state"] != "cancelled"


def test_an_idempotency_key_is_its_owners(guarded: Guarded) -> None:
    headers = {"Idempotency-Key": "shared"}
    with guarded.http("mine") as mine, guarded.http("theirs") as theirs:
        first = mine.post("/v1/batches", json={"proofs": [{"code": TRUE}]}, headers=headers).json()
        other = theirs.post("/v1/batches", json={"proofs": [{"code": TRUE}]}, headers=headers).json()

    assert first["batch_id"] != other["batch_id"]


def test_a_gated_key_has_all_its_proofs_gated(guarded: Guarded) -> None:
    axiom = {"proofs": [{"code": "axiom cheat : False"}]}
    with guarded.http("gated") as gated, guarded.http("mine") as mine:
        [verdict] = gated.post("/v1/verify", json=axiom).json()["results"]
        assert (verdict["reason"], verdict["evidence"]["gate"]) == ("policy", "strict")
        assert mine.post("/v1/verify", json=axiom).json()["results"][0]["reason"] != "policy"
        for path, body in [
            ("/v1/verify", {**axiom, "gate": "off"}),
            ("/v1/batches", {**axiom, "gate": "off"}),
            ("/api/check", {"snippets": [{"id": "a", "code": TRUE}]}),
            ("/verify", {"codes": [{"custom_id": "a", "proof": TRUE}]}),
            ("/v1/commands", {"requests": [{"cmd": TRUE}]}),
            ("/v1/tactics", {"goals": [{"statement": "theorem two : 1 + 1 = 2", "candidates": ["rfl"]}]}),
        ]:
            answer = gated.post(path, json=body)
            assert answer.status_code == 403, path
            assert "This key is for gated proofs" in answer.text
        lines = {"Content-Type": "application/x-ndjson"}
        assert gated.post("/v1/batches?gate=off", content=b'{"code":"x"}', headers=lines).status_code == 403


def test_a_gated_key_that_is_revoked_during_its_upload_does_not_lose_its_gate(guarded: Guarded) -> None:
    key = create_key(guarded.keys_file, "passing", gate=Gate.STRICT)

    def upload() -> Iterator[bytes]:
        # More than the connection holds: the API has admitted the key, and reads.
        yield b'{"proofs": [' + b" " * (16 << 20)
        revoke_key(guarded.keys_file, "passing")
        yield b'{"code": "axiom cheat : False"}], "gate": "off"}'

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with guarded.http() as http:
        answer = http.post("/v1/batches", content=upload(), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def command(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "farm", "keys", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "API_KEYS_FILE": str(path)}
    return subprocess.run(
        run, env=environment, cwd=path.parent, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_line_makes_lists_and_revokes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = command(path, "create", "alice", "--scopes", "verify").stdout.strip()

    assert len(key) >= 43, "256 bits"
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(command(path, "list", "--json").stdout) == {"alice": {"scopes": ["verify"], "gate": "off"}}
    assert command(path, "create", "alice").returncode != 0
    assert command(path, "create", "bob", "--scopes", "everything").returncode != 0
    assert command(path, "create", "bob", "--gate", "ajar").returncode != 0
    assert command(path, "revoke", "bob").returncode != 0
    assert command(path, "revoke", "alice").returncode == 0
    assert json.loads(command(path, "list", "--json").stdout) == {}


def test_a_keyring_sees_what_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = create_key(path, "alice", frozenset({Scope.RETRIEVE}))
    ring = Keyring(path)

    assert ring.owner(f"bearer {key}", Scope.RETRIEVE) == "alice"
    with pytest.raises(Forbidden, match="verify"):
        ring.owner(f"Bearer {key}", Scope.VERIFY)
    revoke_key(path, "alice")
    with pytest.raises(Unauthorized):
        ring.owner(f"Bearer {key}", Scope.RETRIEVE)


def test_keys_made_at_once_are_all_there(tmp_path: Path) -> None:
    path, names = tmp_path / "keys", [f"user-{i}" for i in range(4)]
    runs = [
        subprocess.Popen([sys.executable, "-m", "farm", "keys", "create", name], env={"API_KEYS_FILE": str(path)})
        for name in names
    ]

    assert [run.wait(60) for run in runs] == [0] * len(names)
    assert set(read_keys(path)) == set(names)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 65, "local", "strict", "a:b", "é"])
def test_names_that_would_mean_something_else_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FarmError):
        create_key(tmp_path / "keys", name)


@pytest.mark.parametrize(
    "line",
    ["alice", "alice abc", f"strict {'0' * 64}", f"a {'0' * 64} all", f"a {'g' * 64}", f"a {'0' * 64} verify ajar"],
)
def test_a_broken_file_stops_the_start_and_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# keys\n{line}\n")

    with pytest.raises(ConfigurationError, match="keys:2"):
        read_keys(path)


def test_a_line_without_scopes_has_all_but_join_and_one_without_a_gate_none(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"oldest {'0' * 64}\nold {'1' * 64} verify\ngated {'2' * 64} verify strict\n")

    keys = read_keys(path)
    assert keys["oldest"].scopes == frozenset(Scope) - {Scope.JOIN}
    assert [key.gate for key in keys.values()] == [Gate.OFF, Gate.OFF, Gate.STRICT]
