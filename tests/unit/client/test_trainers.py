"""Reward functions, called exactly as the trainers call them; and which part of a completion is Lean.

The calls follow the sources of TRL at f2cd57710ae345ea6428ae95363267fcf38a3dc8 (July 2026) and of verl at
1dda039b9c6311889a9c9a26040677e1254814f9 (August 2026); both are too large to be installed here.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from farm.client import Farm
from farm.client.trainers import extract_lean, trl_reward, verl_batch_reward, verl_reward
from farm.errors import InvalidRequest
from farm.models import Level, Reason, verdict
from tests.unit.client.scripted_farm import Scripted, ScriptedFarm, accepted, answer, status_json, stream

STATEMENT = "theorem two : 1 + 1 = 2"
FENCED = "Let me think.\n```lean4\nby rfl\n```\nDone."


@pytest.fixture
def farm(scripted: ScriptedFarm) -> Iterator[Farm]:
    """A client of the scripted farm; docs/guides/train.md is executed with the one that `FARM_URL` names."""
    with Farm(scripted.url) as farm:
        yield farm


def judged(*reasons: Reason | None, level: Level = Level.CHECKED) -> list[dict[str, Any]]:
    return [verdict(str(at), at, reason=reason, level=level).dump() for at, reason in enumerate(reasons)]


def batch(verdicts: list[dict[str, Any]]) -> list[Scripted]:
    lines = [{"cursor": f"{at}-0", "result": each} for at, each in enumerate(verdicts, 1)]
    end = {"cursor": "9-0", "done": True}
    total = len(verdicts)
    return [accepted(total, "b"), stream(*lines, end), answer(status_json("b", total=total))]


def call_as_trl(function: Callable[..., Any], rows: list[dict[str, Any]], completions: list[Any]) -> list[float]:
    """Call as `GRPOTrainer._calculate_rewards` does (trl/trainer/grpo_trainer.py, lines 1616-1664).

    Every column but three is repeated as a list, three things of the trainer go beside them, all by keyword, and None
    becomes NaN.
    """
    assert not inspect.iscoroutinefunction(function), "line 1654 would await it"
    columns = {name: [row[name] for row in rows] for name in rows[0] if name not in ("prompt", "completion")}
    beside = {"trainer_state": object(), "log_extra": lambda *_: None, "log_metric": METRICS.__setitem__}
    prompts, ids = [row["prompt"] for row in rows], [[1, 2]] * len(rows)
    given = function(prompts=prompts, completions=completions, completion_ids=ids, **columns, **beside)
    return [math.nan if reward is None else float(reward) for reward in given]


METRICS: dict[str, float] = {}


def rows(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"Prove {n}", "statement": STATEMENT, "source": "x"} for n in range(count)]


def test_trl_gets_a_reward_for_each_completion_and_none_for_the_undecided(farm: Farm, scripted: ScriptedFarm) -> None:
    scripted.script(*batch(judged(None, Reason.TIMEOUT, Reason.ERROR)))

    given = call_as_trl(trl_reward(farm=farm, timeout_s=20), rows(4), [FENCED, "by simp", "", "by omega"])

    assert given[0] == 1.0
    assert math.isnan(given[1]), "TRL leaves a NaN row out of the loss (lines 2676-2684, 2728-2730)"
    assert given[2:] == [0.0, 0.0], "an empty completion is the policy's doing"
    sent = scripted.asked[0].json()
    assert [proof["code"] for proof in sent["proofs"]] == ["by rfl\n", "by simp", "by omega"]
    assert {proof["statement"] for proof in sent["proofs"]} == {STATEMENT}
    assert (sent["level"], sent["timeout_s"]) == ("checked", 20)
    assert METRICS == {"lean/undecided": 0.25}


def test_trl_sends_chats_as_messages(farm: Farm, scripted: ScriptedFarm) -> None:
    scripted.script(*batch(judged(None, Reason.TIMEOUT)))
    chats = [
        [{"role": role, "content": said} for role, said in (("assistant", "-"), ("tool", "x"), ("assistant", FENCED))],
        [{"role": "assistant", "content": [{"type": "text", "text": "by "}, {"type": "text", "text": "simp"}]}],
    ]
    assert call_as_trl(trl_reward(farm=farm, undecided=-0.5), rows(2), chats) == [1.0, -0.5]
    assert [proof["code"] for proof in scripted.asked[0].json()["proofs"]] == ["by rfl\n", "by simp"]


def test_a_step_of_which_nothing_can_be_sent_asks_nobody(farm: Farm, scripted: ScriptedFarm) -> None:
    assert call_as_trl(trl_reward(farm=farm), rows(3), ["", "a\x00b", "\ud800"]) == [0.0, 0.0, 0.0]
    assert scripted.asked == []


def test_a_data_set_that_cannot_be_judged_is_told_at_once(farm: Farm, scripted: ScriptedFarm) -> None:
    with pytest.raises(InvalidRequest, match="no column 'theorem', which level='checked' needs"):
        call_as_trl(trl_reward(farm=farm, statement="theorem"), rows(1), ["by simp"])
    with pytest.raises(InvalidRequest, match="'chekced' is none of compiled, checked, attested"):
        trl_reward(farm=farm, level="chekced")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="2 completions and 1 statements"):
        trl_reward(farm=farm)([], ["by simp", "by simp"], statement=["theorem t : 1 = 1"])
    broken = [*rows(1), {**rows(1)[0], "statement": "1 + 1 = 2"}]
    with pytest.raises(InvalidRequest, match=r"Sample 1: statement: .*theorem NAME BINDERS"):
        call_as_trl(trl_reward(farm=farm), broken, ["by simp", "by simp"])
    assert scripted.asked == []


def test_a_reward_never_rests_on_a_lower_level(farm: Farm, scripted: ScriptedFarm) -> None:
    scripted.script(*batch(judged(None, level=Level.COMPILED)))
    with pytest.raises(ValueError, match="accepted at 'compiled'"):
        call_as_trl(trl_reward(farm=farm), rows(1), ["by rfl"])


def test_trl_without_statements_says_so(farm: Farm, scripted: ScriptedFarm) -> None:
    scripted.script(*batch(judged(None, level=Level.COMPILED)))
    assert call_as_trl(trl_reward(farm=farm, level="compiled"), [{"prompt": "p"}], ["theorem a : True := trivial"]) == [
        1.0
    ]


async def call_as_verl(function: Callable[..., Any], solutions: Sequence[str], truths: Sequence[str | None]) -> Any:
    """Call as the reward loop does, one sample after the other.

    `get_custom_reward_fn` wraps the function with the keywords of its configuration (verl/trainer/ppo/reward.py, lines
    32-38 and 82-86); `NaiveRewardManager.run_single` runs a plain function in the loop's executor
    (verl/experimental/reward_loop/reward_manager/naive.py, lines 74-97) and reads `score` from a dictionary.
    """
    assert not inspect.iscoroutinefunction(function)
    merged = partial(lambda raw, extra, **given: raw(**{**given, **extra}), function, {"mine": 1})
    scores = []
    for solution, truth in zip(solutions, truths, strict=True):
        sample: dict[str, Any] = {"data_source": "minif2f", "solution_str": solution, "ground_truth": truth}
        sample |= {"extra_info": {"num_turns": None}, "reward_router_address": "127.0.0.1:1"}
        result = await asyncio.get_running_loop().run_in_executor(None, partial(merged, **sample))
        assert isinstance(result["score"], float)
        scores.append(result)
    return scores


async def test_verl_gets_a_number_for_each_sample(farm: Farm, scripted: ScriptedFarm) -> None:
    for reason in (None, Reason.ERROR, Reason.OUT_OF_MEMORY):
        scripted.script(answer({"results": judged(reason)}))

    scores = await call_as_verl(
        verl_reward(farm=farm, undecided=-1.0), [FENCED, "by simp", "by omega", ""], [STATEMENT] * 4
    )

    assert scores == [
        {"score": 1.0, "acc": 1.0, "undecided": 0.0},
        {"score": 0.0, "acc": 0.0, "undecided": 0.0},
        {"score": -1.0, "acc": 0.0, "undecided": 1.0},
        {"score": 0.0, "acc": 0.0, "undecided": 0.0},
    ]
    assert [asked.path for asked in scripted.asked] == ["/v1/verify"] * 3
    assert scripted.asked[0].json() == {"proofs": [{"code": "by rfl\n", "statement": STATEMENT}], "level": "checked"}


def test_verl_s_ground_truth_may_be_a_struct(farm: Farm, scripted: ScriptedFarm) -> None:
    scripted.script(answer({"results": judged(None)}))
    truth = {"formal_statement": STATEMENT, "header": "import Mathlib", "targets": None}

    score = verl_reward(farm=farm, undecided=0.0)("lean", "by rfl", truth)

    assert score["acc"] == 1.0
    assert scripted.asked[0].json()["proofs"] == [{"code": "by rfl", "statement": f"import Mathlib\n\n{STATEMENT}"}]


def test_verl_s_batch_manager_gets_all_scores_at_once(farm: Farm, scripted: ScriptedFarm) -> None:
    """As `BatchRewardManager.verify` calls (verl/workers/reward_manager/batch.py, lines 62-78)."""
    scripted.script(*batch(judged(None, Reason.TIMEOUT)))
    truths = [STATEMENT, STATEMENT]
    extras: list[dict[str, Any]] = [{"rollout_reward_scores": {}}, {"rollout_reward_scores": {}}]

    scores = verl_batch_reward(farm=farm, undecided=0.0)(
        data_sources=["m", "m"], solution_strs=[FENCED, "by simp"], ground_truths=truths, extra_infos=extras, mine=1
    )

    assert [score["score"] for score in scores] == [1.0, 0.0]
    assert [score["undecided"] for score in scores] == [0.0, 1.0], "what is worth 0 is not thereby rejected"


@pytest.mark.parametrize("make", [verl_reward, verl_batch_reward])
def test_verl_has_to_say_what_the_undecided_are_worth(make: Any) -> None:
    with pytest.raises(TypeError, match="undecided"):
        make()


@pytest.mark.parametrize(
    ("completion", "lean"),
    [
        ("by rfl", "by rfl"),
        ("", ""),
        (FENCED, "by rfl\n"),
        ("```lean\na\n```\nno:\n```lean4\nb\n```\n", "b\n"),
        ("```Lean4\na\n```\n```python\nb\n```", "a\n"),
        ("```lean\na\n```\n```lean\nb, cut o", "b, cut o"),
        ("```lean\na\n```python\nb\n```", "a\n"),
        ("````lean\n/-- ```\nx\n``` -/\n```\n````", "/-- ```\nx\n``` -/\n```\n"),
        ("```\nnot said to be Lean\n```", "```\nnot said to be Lean\n```"),
        ("```\n```lean\na\n```", "a\n"),
        ("  ```lean\r\na\r\n  ```\r\n", "a\r\n"),
        ("say `lean` and ```lean inline``` twice", "say `lean` and ```lean inline``` twice"),
        ("```lean", ""),
        ([], ""),
        ([{"role": "assistant", "content": None}], ""),
    ],
)
def test_what_of_a_completion_is_lean(completion: Any, lean: str) -> None:
    assert extract_lean(completion) == lean


def test_a_long_completion_is_read_in_one_pass() -> None:
    """A policy that repeats itself must not stop the trainer; a quadratic reader would run into the test's timeout."""
    extract_lean("``` " * 300_000)
    extract_lean("```" + " " * 500_000 + "`")
    extract_lean("`" * 500_000 + "x`")
    extract_lean("\n```lean " + "`" * 500_000)
    extract_lean("```lean\n```\n" * 100_000)
