"""The models of rewards over HTTP, in the formats of OpenRLHF's trainers, which ask a URL for their rewards."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from farm.models.limits import MAX_VERIFY_PROOFS


class OpenRLHFRequest(BaseModel):
    """The body of `POST /v1/rewards/openrlhf`, as OpenRLHF's `--reward.remote_url` sends it.

    Attributes:
        query: for each sample, the prompt and the model's response, as one text.
        prompts: the prompt of each sample. The text of the query up to the end of its prompt is not judged.
        labels: the statements to prove.
    """

    model_config = ConfigDict(frozen=True)

    query: Annotated[list[str], Field(min_length=1, max_length=MAX_VERIFY_PROOFS)]
    prompts: Annotated[list[str], Field(max_length=MAX_VERIFY_PROOFS)]
    labels: Annotated[list[str | None], Field(max_length=MAX_VERIFY_PROOFS)]

    @model_validator(mode="after")
    def _require_equal_lengths(self) -> OpenRLHFRequest:
        if not len(self.query) == len(self.prompts) == len(self.labels):
            raise ValueError("query, prompts and labels must have the same length")
        return self

    @property
    def responses(self) -> list[str]:
        """The model's response for each sample, without the prompt."""
        return [_after(prompt, query) for prompt, query in zip(self.prompts, self.query, strict=True)]


class OpenRLHFAnswer(BaseModel):
    """The answer to `POST /v1/rewards/openrlhf`. Each list has one number for each sample, in the order of the request.

    Attributes:
        rewards: 1 if the proof is accepted, 0 if it is rejected, and the number given in the URL if it is undecided.
        scores: the same numbers as in `rewards`; OpenRLHF filters prompts by scores.
        extra_logs: two lists of 1 and 0, named `accepted` and `undecided`; OpenRLHF logs their means.
    """

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def _after(prompt: str, query: str) -> str:
    # A chat template or a tokenizer may put text before the prompt, so the prompt is searched for in the query.
    _, found, response = query.partition(prompt) if prompt else ("", "", query)
    return response if found else query
