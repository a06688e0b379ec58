"""verifiers: a task whose reward is the farm's verdict, and a function that makes such tasks from statements.

If the farm could not decide a rollout's proof, the rollout ends with an error. Without the error, `verifiers` would
count the rollout as 0.
"""

from __future__ import annotations

from typing import Literal

import verifiers.v1 as vf

from farm.client.frameworks.answer_judge import shared_judge
from farm.errors import Unavailable

_PROMPT = "Prove this in Lean 4. Answer with one block fenced as `lean` that holds the whole proof.\n\n{statement}"


class LeanData(vf.TaskData):
    """One statement to prove.

    Attributes:
        statement: a theorem without its proof, preceded by whatever it needs.
    """

    statement: str


class LeanTaskConfig(vf.TaskConfig):
    """How answers are judged.

    Attributes:
        level: the level that an accepted answer has to reach.
        environment: the Lean environment to run in.
        timeout_s: seconds an answer may run; the farm's default when None.
    """

    level: Literal["compiled", "checked", "attested"] = "checked"
    environment: str = "default"
    timeout_s: float | None = None


class LeanTask(vf.Task[LeanData, vf.State, LeanTaskConfig]):
    """The task to prove a statement. The reward is 1 if the farm accepts the answer, and 0 if the farm rejects it."""

    @vf.reward(weight=1.0)
    async def proved(self, trace: vf.Trace) -> float:
        """Return 1 for a proof and 0 for anything else.

        Raises:
            Unavailable: the farm could not decide.
        """
        judge = shared_judge(self.config.level, self.config.environment, self.config.timeout_s)
        verdict = await judge.judge(trace.last_reply, self.data.statement)
        if verdict is not None and verdict.reward is None:
            raise Unavailable(f"undecided/{verdict.reason}: the farm could not decide this answer")
        return verdict.reward or 0.0 if verdict else 0.0


def lean_tasks(statements: list[str], config: LeanTaskConfig, prompt: str = _PROMPT) -> list[LeanTask]:
    """Return a task for each statement: the list that the `load` of a task set has to return.

    Args:
        statements: the statements to be proved.
        config: how answers are judged.
        prompt: the text for the model, in which `{statement}` stands for the statement.
    """
    rows = [
        LeanData(statement=each, prompt=prompt.replace("{statement}", each), idx=index)
        for index, each in enumerate(statements)
    ]
    return [LeanTask(row, config) for row in rows]
