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

NEMO_GYM = """
import json, threading, time
import httpx, uvicorn
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.server_utils import ServerClient
from omegaconf import OmegaConf
from farm import Farm
from farm.client.frameworks.nemo_gym import LeanResourcesServer, LeanResourcesServerConfig

def serve(**options):
    # As `run_webserver` does, but without NeMo Gym's head server and Ray.
    config = LeanResourcesServerConfig(
        name="lean", host="127.0.0.1", port=0, entrypoint="app.py", undecided=-0.5, timeout_s=1, **options
    )
    head = BaseServerConfig(host="127.0.0.1", port=9)
    client = ServerClient(head_server_config=head, global_config_dict=OmegaConf.create({}))
    server = LeanResourcesServer(config=config, server_client=client)
    app = server.setup_webserver()
    server.setup_exception_middleware(app)
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    threading.Thread(target=running.run, daemon=True).start()
    while not running.started:
        time.sleep(0.01)
    return "http://127.0.0.1:%d" % running.servers[0].sockets[0].getsockname()[1]

def ask(url, text, **row):
    said = {"type": "output_text", "text": text, "annotations": []}
    response = {
        "id": "r", "created_at": 0, "model": "m", "object": "response", "parallel_tool_calls": False,
        "tool_choice": "auto", "tools": [],
        "output": [{"id": "o", "type": "message", "role": "assistant", "status": "completed", "content": [said]}],
    }
    body = {"responses_create_params": {"input": "Prove it."}, "response": response, **row}
    answer = httpx.post(url + "/verify", json=body, timeout=60)
    return answer.json() if answer.status_code == 200 else {"status": answer.status_code, "error": answer.json()}

url = serve()
assert httpx.post(url + "/seed_session", json={}).status_code == 200
row = {"header": "import Lean", "formal_statement": "theorem two : 1 + 1 = 2 := by\\n", "name": "two"}
texts = ["So:\\n```lean4\\nrfl\\n```", "```lean\\nby sorry\\n```", "```lean\\nby have hang! := trivial; rfl\\n```", ""]
print(json.dumps({
    "answers": [ask(url, text, **row) for text in texts],
    "no_statement": ask(url, "```lean\\nby rfl\\n```"),
    "unknown_environment": ask(serve(environment="nowhere"), "```lean\\nby rfl\\n```", **row),
}))
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


@pytest.mark.system
@pytest.mark.skipif(find_spec("nemo_gym") is None, reason="needs nemo-gym: pip install nemo-gym, from Python 3.13")
def test_nemo_gym_has_its_rewards_and_masks_what_the_farm_could_not_decide(farm: RunningFarm) -> None:
    found = run(farm, NEMO_GYM)

    told = ("reward", "outcome", "reason", "mask_sample", "name")
    assert [[answer[field] for field in told] for answer in found["answers"]] == [
        [1.0, "accepted", None, False, "two"],
        [0.0, "rejected", "sorry", False, "two"],
        [-0.5, "undecided", "timeout", True, "two"],
        [0.0, "rejected", "no_response", False, "two"],
    ]
    assert "undecided/timeout" in found["answers"][2]["failure_reason"]
    assert "statement" in str(found["no_statement"]["error"])
    assert "nowhere" in str(found["unknown_environment"]["error"])
