"""Atropos: a reward function. An Atropos environment calls it with a group's completions and the statement.

reward = LeanReward(undecided=0.0)
scores = reward(completions, statement="theorem two : 1 + 1 = 2")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atroposlib.envs.reward_fns import RewardFunction, registry

from farm.client.trainers import trl_reward


@registry.register(name="lean")
class LeanReward(RewardFunction):
    """The reward of a completion: 1 if it proves the statement, 0 if not, `undecided` if the farm could not decide.

    If the farm fails, the reward function raises the error. Atropos's own reward functions turn an error into 0, which
    would make an epoch without a farm look like an epoch without a proof.

    Args:
        undecided: the reward if the farm could not decide; Atropos needs a number, so there is no default.
        weight: the weight that Atropos gives this reward when it combines several.
        name: the name under which Atropos logs the reward.
        options: the options of `Farm.verify`; `level` is `checked` if absent.
    """

    def __init__(self, undecided: float, weight: float = 1.0, name: str | None = None, **options: Any) -> None:
        super().__init__(weight=weight, name=name or "lean")
        self._reward = trl_reward(undecided=undecided, **options)

    def compute(self, completions: Sequence[Any], statement: str | Sequence[str] = "", **_more: Any) -> list[float]:
        """Return one reward per completion; `statement` is one text for all, or a list with one text for each."""
        statements = [statement] * len(completions) if isinstance(statement, str) else list(statement)
        texts = [self.get_content(each) for each in completions]
        found = self._reward(prompts=[], completions=texts, statement=statements)
        return [float(each or 0.0) for each in found]

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """Return one weighted reward per completion.

        Raises:
            FarmError: the farm refuses or fails.
        """
        rewards = self.compute(completions, **columns)
        weighted = [each * self.weight for each in rewards]
        self.log_metrics(rewards, weighted)
        return weighted
