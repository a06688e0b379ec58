"""`POST /v1/rewards/openrlhf`, asked as OpenRLHF 0.11 asks a remote reward; a scripted REPL answers as Lean."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.running import RunningFarm

PROMPT = "A proof of 1 + 1 = 2 may read\n```lean\nby rfl\n```\nProve that 1 + 1 = 2.\n"
STATEMENT = "theorem two : 1 + 1 = 2"


def ask(farm: RunningFarm, responses: list[str], labels: list[Any], **params: Any) -> httpx.Response:
    """Post what OpenRLHF's `_fetch_rewards_via_http` posts: decoded tokens, so the prompt stands in front."""
    body = {
        "query": [f"<|im_start|>{PROMPT}{response}<|im_end|>" for response in responses],
        "prompts": [PROMPT] * len(responses),
        "labels": labels,
    }
    return httpx.post(f"{farm.url}/v1/rewards/openrlhf", params=params, json=body, timeout=60)


def test_each_sample_has_its_reward_and_a_timeout_what_the_url_says(farm: RunningFarm) -> None:
    responses = ["So:\n```lean\nby rfl\n```", "```lean\nby sorry\n```", "```lean\nby have hang! := trivial; rfl\n```"]
    answer = ask(farm, responses, [STATEMENT] * 3, undecided=-0.5, timeout_s=1)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "rewards": [1.0, 0.0, -0.5],
        "scores": [1.0, 0.0, -0.5],
        "extra_logs": {"accepted": [1.0, 0.0, 0.0], "undecided": [0.0, 0.0, 1.0]},
    }


def test_what_the_prompt_says_is_never_rewarded(farm: RunningFarm) -> None:
    # The prompt has a proof in it; the response is an empty block, and that is the policy's doing.
    answer = ask(farm, ["```lean\n```"], [STATEMENT], undecided=0)

    assert answer.json()["rewards"] == [0.0]


@pytest.mark.parametrize(
    ("labels", "params", "text"),
    [
        ([STATEMENT], {}, "undecided"),
        ([STATEMENT], {"undecided": "nan"}, "undecided"),
        ([STATEMENT, STATEMENT], {"undecided": 0}, "query, prompts and labels must have the same length"),
        (["no statement"], {"undecided": 0}, "Sample 0: statement"),
        ([None], {"undecided": 0}, "statement"),
        ([STATEMENT], {"undecided": 0, "levl": "checked"}, "levl"),
    ],
)
def test_each_misuse_is_refused_with_what_to_do(
    farm: RunningFarm, labels: list[Any], params: dict[str, Any], text: str
) -> None:
    answer = ask(farm, ["```lean\nby rfl\n```"], labels, **params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert text in answer.json()["error"]["message"]


def test_without_a_statement_compiled_is_a_level_that_can_be_asked_for(farm: RunningFarm) -> None:
    answer = ask(farm, [f"```lean\n{STATEMENT} := rfl\n```"], [None], undecided=0, level="compiled")

    assert answer.json()["rewards"] == [1.0]
