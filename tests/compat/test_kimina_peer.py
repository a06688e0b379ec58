"""The farm beside Kimina Lean Server itself, on the same scripted REPL, through the same unmodified client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.kimina_cases import CORRECTED, FALSE, HEADER, SAME
from tests.compat.kimina_peer import kimina_folder, running_kimina
from tests.compat.kimina_sessions import comparable, session
from tests.support.repl.install import Install
from tests.support.running import RunningFarm


@pytest.fixture(scope="module")
def source() -> Path:
    found = kimina_folder()
    if found is None:
        pytest.skip(
            "needs kimina-lean-server with a virtual environment in $PEERS_DIR, see tests/compat/kimina_peer.py"
        )
    return found


@pytest.fixture(scope="module")
def both(
    source: Path, farm: RunningFarm, scripted: Install, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    scratch = tmp_path_factory.mktemp("both")
    with running_kimina(source, scratch / "kimina", scripted) as url:
        return session(scratch, "sync", farm.url, SAME), session(scratch, "sync", url, SAME)


@pytest.mark.parametrize("name", SAME)
def test_answers_are_the_same(both: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    ours, theirs = both

    assert tuple(theirs[name]["statuses"]) == SAME[name].statuses
    assert comparable(ours[name]) == comparable(theirs[name])


@pytest.mark.parametrize("name", CORRECTED)
def test_corrections_are_corrections(
    source: Path, farm: RunningFarm, scripted: Install, tmp_path: Path, name: str
) -> None:
    """Should Kimina change its mind, docs/compatibility.md has to say so."""
    asked = {name: CORRECTED[name]}
    with running_kimina(source, tmp_path / "kimina", scripted, MAX_REPLS="1") as url:
        theirs = session(tmp_path, "async", url, asked)[name]
    ours = session(tmp_path, "async", farm.url, asked)[name]

    assert tuple(theirs["statuses"]) == CORRECTED[name].theirs
    assert tuple(ours["statuses"]) == CORRECTED[name].statuses
    assert comparable(ours) != comparable(theirs)


BODIES: dict[str, tuple[str, Any]] = {
    "nothing": ("/api/check", {}),
    "no snippets": ("/api/check", {"snippets": []}),
    "an id that is no string": ("/api/check", {"snippets": [{"id": 1, "code": "x"}]}),
    "twice the same id": ("/api/check", {"snippets": [{"id": "a", "code": "x"}] * 2}),
    "a negative timeout": ("/api/check", {"snippets": [{"id": "a", "code": "x"}], "timeout": -1}),
    "half a second": ("/api/check", {"snippets": [{"id": "a", "code": "x"}], "timeout": 0.5}),
    "a timeout in words": ("/api/check", {"snippets": [{"id": "a", "code": HEADER}], "timeout": "5"}),
    "an unknown infotree": ("/api/check", {"snippets": [{"id": "a", "code": "x"}], "infotree": "odd"}),
    "an unknown field": ("/api/check", {"snippets": [{"id": "a", "code": HEADER}], "more": 1}),
    "no codes": ("/verify", {"codes": []}),
    "codes": ("/verify", {"codes": [{"custom_id": 1, "proof": HEADER + FALSE}, {"custom_id": 1, "code": HEADER}]}),
    "an older route": ("/one_pass_verify_batch", {"codes": [{"custom_id": "a", "code": HEADER + FALSE}]}),
    "an older infotree": ("/verify", {"codes": [{"custom_id": "a", "code": "x"}], "infotree_type": "odd"}),
    "a past timeout": ("/verify", {"codes": [{"custom_id": "a", "code": "x"}], "timeout": -5}),
}


@pytest.fixture(scope="module")
def peer(source: Path, scripted: Install, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_kimina(source, tmp_path_factory.mktemp("peer") / "kimina", scripted) as url:
        yield url


@pytest.mark.parametrize("name", BODIES)
def test_status_and_shape_on_the_wire(peer: str, farm: RunningFarm, name: str) -> None:
    path, body = BODIES[name]
    ours, theirs = (httpx.post(url + path, json=body, timeout=30) for url in (farm.url, peer))

    assert ours.status_code == theirs.status_code, (ours.text, theirs.text)
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    if ours.status_code == 200:
        assert comparable(ours.json()) == comparable(theirs.json())
    else:
        findings = [{tuple(each["loc"][:2]) for each in answer.json()["detail"]} for answer in (ours, theirs)]
        assert findings[0] == findings[1] or name == "no snippets"


@pytest.mark.parametrize("path", ["/", "/health", "/health/"])
def test_health_is_the_same(peer: str, farm: RunningFarm, path: str) -> None:
    ours, theirs = (httpx.get(url + path) for url in (farm.url, peer))

    assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json())


def test_keys_are_asked_for_alike(source: Path, scripted: Install, tmp_path: Path) -> None:
    """The farm's half of this is in test_kimina.py."""
    with running_kimina(source, tmp_path / "kimina", scripted, API_KEY="secret") as url:
        body = {"snippets": [{"id": "a", "code": HEADER}]}
        answers = [
            httpx.post(f"{url}/api/check", json=body, headers={"authorization": each} if each else {})
            for each in ("", "Bearer nonsense", "Bearer secret", "secret")
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
    assert [answer.json().get("detail") for answer in answers[:2]] == ["Missing API key", "Invalid API key"]
