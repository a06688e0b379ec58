"""Keys on the route for trainers that know nothing but a URL."""

from __future__ import annotations

import httpx
import pytest

from tests.security.service.conftest import Guarded

BODY = {"query": ["by rfl"], "prompts": [""], "labels": ["theorem two : 1 + 1 = 2"]}


def ask(guarded: Guarded, key: str, user: str = "") -> httpx.Response:
    url = guarded.farm.url.replace("http://", f"http://{user}:{key}@") if key else guarded.farm.url
    return httpx.post(f"{url}/v1/rewards/openrlhf?undecided=0", json=BODY, timeout=60)


def test_the_key_may_be_the_password_of_the_url_and_has_to_be_one(guarded: Guarded) -> None:
    assert ask(guarded, guarded.keys["mine"], "anyone").json()["rewards"] == [1.0]
    with guarded.http("mine") as http:
        assert http.post("/v1/rewards/openrlhf?undecided=0", json=BODY).status_code == 200
    assert ask(guarded, "").status_code == 401
    assert ask(guarded, "lf_wrong").status_code == 401
    assert ask(guarded, guarded.keys["only-retrieve"]).status_code == 403


@pytest.mark.parametrize("given", ["Basic", "Basic !!!", "Basic bm8="])
def test_what_is_no_password_is_no_key(guarded: Guarded, given: str) -> None:
    answer = httpx.post(
        f"{guarded.farm.url}/v1/rewards/openrlhf?undecided=0", json=BODY, headers={"Authorization": given}
    )
    assert answer.status_code == 401
