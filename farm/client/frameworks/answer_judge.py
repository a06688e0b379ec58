"""Judges a model's answers one by one, for the adapters of frameworks whose reward functions are asynchronous."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from farm.client.asynchronous import AsyncFarm
from farm.client.columns import Statement
from farm.client.completions import Completion, Extract, extract_lean, proof_of
from farm.client.submission import OptionFields
from farm.models import Verdict


@dataclass(slots=True)
class AnswerJudge:
    """Sends a model's answers to the farm to be verified, at the level `checked` unless `options` name another level.

    An adapter creates its judge when the framework is configured. The judge connects to the farm at the first answer.

    Attributes:
        options: the options of `AsyncFarm.verify`.
        farm: the farm to ask; if None, the farm that `FARM_URL` names.
        extract: the function that extracts the Lean source from an answer.
    """

    options: OptionFields = field(default_factory=OptionFields)
    farm: AsyncFarm | None = None
    extract: Extract = extract_lean

    async def judge(self, answer: Completion, statement: Statement) -> Verdict | None:
        """Return the verdict on an answer; None if the answer cannot be sent.

        An answer that cannot be sent is the model's fault, so an adapter should give it the reward 0.

        Raises:
            InvalidRequest: the statement is not valid.
            FarmError: the farm refuses or fails.
        """
        proof = proof_of(self.extract(answer), statement, 0)
        if proof is None:
            return None
        self.farm = self.farm or AsyncFarm()
        options: OptionFields = {"level": "checked", **self.options}
        [verdict] = await self.farm.verify(proof, **options)
        return verdict


@cache
def shared_judge(
    level: Literal["compiled", "checked", "attested"], environment: str, timeout_s: float | None
) -> AnswerJudge:
    """Return the one judge with these options, for frameworks that make a new object for each answer.

    A judge for each answer would also make a client and its connections for each answer.
    """
    return AnswerJudge({"level": level, "environment": environment, "timeout_s": timeout_s})
