"""Adapters of frameworks against the frameworks themselves, where they are installed; a scripted REPL answers as Lean.

None is a dependency of the tests: docs/guides/frameworks.md says what was run against which version.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import RunningFarm

ROOT = Path(__file__).resolve().parents[2]

INSPECT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.solver import generate, use_tools
from farm.client.frameworks.inspect_ai import lean_scorer, lean_verify

FALSE = "theorem two : 1 + 1 = 3 := by\\n  decide"
answers = [
    ModelOutput.for_tool_call("mockllm/model", "lean_verify", {"code": FALSE}),
    ModelOutput.from_content("mockllm/model", "So:\\n```lean\\nby rfl\\n```"),
    ModelOutput.from_content("mockllm/model", "```lean\\nby sorry\\n```"),
    ModelOutput.from_content("mockllm/model", "```lean\\nby have hang! := trivial; rfl\\n```"),
    ModelOutput.from_content("mockllm/model", "```lean\\n```"),
]
samples = [Sample(id=name, input="Prove it.", target="theorem two : 1 + 1 = 2") for name in "abcd"]
task = Task(dataset=samples, solver=[use_tools(lean_verify()), generate()], scorer=lean_scorer(timeout_s=1))
model = get_model("mockllm/model", custom_outputs=answers)
async def count(text):
    return len(text)

model.api.count_text_tokens = count  # its own would download a tokenizer
[log] = eval(task, model=model, max_samples=1, max_connections=1, display="none", log_dir=sys.argv[1])
assert log.status == "success", log.error
tools = [message.text for message in log.samples[0].messages if message.role == "tool"]
scores = {each.id: each.scores["lean_scorer"] for each in log.samples}
print(json.dumps({
    "values": {name: str(score.value) for name, score in scores.items()},
    "reasons": {name: score.reason for name, score in scores.items()},
    "tool": json.loads(tools[0]),
}))
"""

ATROPOS = """
import json
from atroposlib.envs.reward_fns import registry
import farm.client.frameworks.atropos
from farm import Farm, FarmError
from farm.client.frameworks.atropos import LeanReward

reward = registry.create({"type": "lean", "weight": 2.0, "undecided": -0.5, "timeout_s": 1})
chat = [{"role": "assistant", "content": "```lean\\nby rfl\\n```"}]
completions = [chat, "```lean\\nby sorry\\n```", "```lean\\nby have hang! := trivial; rfl\\n```"]
scores = reward(completions, statement="theorem two : 1 + 1 = 2")
away = LeanReward(0.0, farm=Farm("http://127.0.0.1:9", retries=0))
try:
    away(completions, statement="theorem two : 1 + 1 = 2")
    raised = ""
except FarmError as error:
    raised = error.code
print(json.dumps({"scores": scores, "raised": raised}))
"""
VERIFIERS = """
import asyncio, json
import verifiers.v1 as vf
from farm.client.frameworks.verifiers import LeanTaskConfig, lean_tasks

async def score(answer):
    [task] = lean_tasks(["theorem two : 1 + 1 = 2"], LeanTaskConfig(timeout_s=1))
    assert "theorem two : 1 + 1 = 2" in task.data.prompt
    # The rollout of a model that answered so, as far as scoring looks at it.
    trace = vf.Trace.model_construct(root_reply=answer)
    try:
        await task.score(trace)
    except vf.TaskError as error:
        return str(error.__cause__ or error)
    return trace.reward

answers = ["```lean\\nby rfl\\n```", "```lean\\nby sorry\\n```", "", "```lean\\nby have hang! := trivial; rfl\\n```"]
print(json.dumps([asyncio.run(score(answer)) for answer in answers]))
"""


RAY = """
import json, ray
from farm.client.trainers import trl_reward

@ray.remote
class Judge:
    def __init__(self, reward):
        self.reward = reward
    def score(self, number):
        completions = [f"```lean\\nby decide -- {number}\\n```", "```lean\\nby sorry\\n```"]
        return self.reward([], completions, statement=[f"theorem t : {number} + 1 = 1 + {number}"] * 2)

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
reward = trl_reward(undecided=None, timeout_s=5)
judges = [Judge.remote(reward) for _ in range(2)]
scores = ray.get([judges[number % 2].score.remote(number) for number in range(6)])
ray.shutdown()
print(json.dumps(scores))
"""


def run(farm: RunningFarm, program: str, *arguments: str) -> Any:
    """Return the last line that a program prints, as JSON; it finds the farm as a user's does."""
    environment = {**os.environ, **farm.environment, "FARM_URL": farm.url}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.system
@pytest.mark.skipif(find_spec("inspect_ai") is None, reason="needs inspect-ai: pip install inspect-ai")
def test_inspect_scores_answers_and_lets_the_model_verify(farm: RunningFarm, tmp_path: Path) -> None:
    found = run(farm, INSPECT, str(tmp_path))

    assert found["values"] == {"a": "C", "b": "I", "c": "nan", "d": "I"}
    assert found["reasons"] == {"a": None, "b": None, "c": "lean_timeout", "d": "no_response"}
    assert (found["tool"]["outcome"], found["tool"]["errors"][0]["tactic"]) == ("rejected", "decide")
    assert found["tool"]["errors"][0]["goals"] == ["⊢ 1 + 1 = 3"]


@pytest.mark.system
@pytest.mark.skipif(find_spec("atroposlib") is None, reason="needs atroposlib: pip install atroposlib")
def test_atropos_has_its_rewards_and_hears_of_a_farm_that_is_away(farm: RunningFarm) -> None:
    assert run(farm, ATROPOS) == {"scores": [2.0, 0.0, -1.0], "raised": "connection_failed"}


@pytest.mark.system
@pytest.mark.skipif(find_spec("verifiers") is None, reason="needs verifiers: pip install verifiers")
def test_verifiers_scores_a_rollout_and_fails_one_that_is_undecided(farm: RunningFarm) -> None:
    *decided, undecided = run(farm, VERIFIERS)

    assert decided == [1.0, 0.0, 0.0]
    assert "undecided/timeout" in undecided


@pytest.mark.system
@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray: pip install ray")
def test_rays_actors_share_one_farm(farm: RunningFarm) -> None:
    assert run(farm, RAY) == [[1.0, 0.0]] * 6
