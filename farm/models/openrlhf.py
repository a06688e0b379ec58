"""Rewards over HTTP in the formats of OpenRLHF's trainers, which ask a URL."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from farm.models.limits import MAX_VERIFY_PROOFS


class OpenRLHFRequest(BaseModel):
    """The body of `POST /v1/rewards/openrlhf`, as OpenRLHF's `--reward.remote_url` sends it.

    Attributes:
        query: prompt and response of each sample, as one text.
        prompts: the prompts by themselves; the text up to the end of a prompt is removed from its query.
        labels: the statements to prove.
    """

    model_config = ConfigDict(frozen=True)

    query: Annotated[list[str], Field(min_length=1, max_length=MAX_VERIFY_PROOFS)]
    prompts: list[str]
    labels: list[str | None]

    @model_validator(mode="after")
    def _require_equal_lengths(self) -> OpenRLHFRequest:
        if not len(self.query) == len(self.prompts) == len(self.labels):
            raise ValueError("query, prompts and labels must have the same length")
        return self

    @property
    def responses(self) -> list[str]:
        """What the model wrote for each sample, without the prompt."""
        return [_after(prompt, query) for prompt, query in zip(self.prompts, self.query, strict=True)]


class OpenRLHFAnswer(BaseModel):
    """The answer: one number for each sample, in the order of the request.

    Attributes:
        rewards: 1 for accepted, 0 for rejected, and the value in the URL for undecided.
        scores: the same numbers; OpenRLHF filters prompts by them.
        extra_logs: `accepted` and `undecided`, 1 or 0 for each; OpenRLHF logs their means.
    """

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def _after(prompt: str, query: str) -> str:
    # A chat template or tokenizer may put text before the prompt, so the query need not begin with it.
    _, found, response = query.partition(prompt) if prompt else ("", "", query)
    return response if found else query
