"""NeMo Gym: a resources server that has the farm verify each rollout's answer. Its `app.py` needs only these lines.

from farm.client.frameworks.nemo_gym import LeanResourcesServer
if __name__ == "__main__":
    LeanResourcesServer.run_webserver()
"""

# This module does not import `annotations` from `__future__`: NeMo Gym wraps `verify`, and FastAPI would look up the
# names in the annotations in the wrapper's module.

from typing import Any, Literal

from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseVerifyRequest,
    BaseVerifyResponse,
    SimpleResourcesServer,
)
from pydantic import ConfigDict, PrivateAttr

from farm.client.frameworks.answer_judge import AnswerJudge
from farm.client.submission import OptionFields
from farm.models import Verdict


class LeanResourcesServerConfig(BaseResourcesServerConfig):
    """How answers are judged. The attributes are the keys of the server's entry in NeMo Gym's YAML.

    Attributes:
        undecided: the reward if the farm could not decide; NeMo Gym needs a number, so there is no default.
        level: the level that an accepted answer has to reach.
        environment: the Lean environment to run in.
        timeout_s: seconds an answer may run; the farm's default when None.
    """

    undecided: float
    level: Literal["compiled", "checked", "attested"] = "checked"
    environment: str = "default"
    timeout_s: float | None = None


class LeanVerifyRequest(BaseVerifyRequest):
    """A rollout and its row of the data set, whose columns are `statement`, or `header` and `formal_statement`."""

    model_config = ConfigDict(extra="allow")


class LeanVerifyResponse(BaseVerifyResponse):
    """A rollout and its row of the data set, with the rollout's reward.

    Attributes:
        outcome: `accepted`, `rejected` or `undecided`.
        reason: the verdict's reason; None if the proof was accepted; `no_response` if the answer could not be sent.
        mask_sample: whether the farm could not decide; NeMo Gym 0.7 then leaves the rollout out of its scores.
        failure_reason: why the farm could not decide.
    """

    model_config = ConfigDict(extra="allow")

    outcome: str
    reason: str | None
    mask_sample: bool = False
    failure_reason: str | None = None


class LeanResourcesServer(SimpleResourcesServer):
    """Rewards a rollout with 1 if the farm accepts its answer, and with 0 if the farm rejects it."""

    config: LeanResourcesServerConfig
    _judge: AnswerJudge = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Make the judge from the configured options. The judge connects to the farm at the first answer."""
        super().model_post_init(context)
        options: OptionFields = {
            "level": self.config.level,
            "environment": self.config.environment,
            "timeout_s": self.config.timeout_s,
        }
        self._judge = AnswerJudge(options)

    async def verify(self, body: LeanVerifyRequest) -> LeanVerifyResponse:
        """Return the reward of a rollout.

        Raises:
            InvalidRequest: the row has no statement, or one that is not valid.
            FarmError: the farm refuses or fails.
        """
        verdict = await self._judge.judge(body.response.output_text, body.model_extra)
        return LeanVerifyResponse(**body.model_dump() | _scored(verdict, self.config.undecided))


def _scored(verdict: Verdict | None, undecided: float) -> dict[str, Any]:
    """Return the response's fields for a verdict. An answer that could not be sent has no verdict, and the reward 0."""
    if verdict is None:
        return {"reward": 0.0, "outcome": "rejected", "reason": "no_response"}
    told = {"outcome": verdict.outcome.value, "reason": verdict.reason and verdict.reason.value}
    if verdict.reward is None:
        why = f"The farm could not decide this answer: undecided/{verdict.reason}"
        return {**told, "reward": undecided, "mask_sample": True, "failure_reason": why}
    return {**told, "reward": verdict.reward}
