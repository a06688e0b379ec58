"""Inspect: a scorer that verifies the model's answer, and a tool with which the model itself can verify texts.

@task
def two() -> Task:
    sample = Sample(input="Prove it in Lean.", target="theorem two : 1 + 1 = 2")
    return Task(dataset=[sample], solver=[use_tools(lean_verify()), generate()], scorer=lean_scorer())
"""

from __future__ import annotations

from typing import Unpack

from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, tool

from farm.client.frameworks.answer_judge import AnswerJudge
from farm.client.submission import OptionFields
from farm.mcp.answers import of_verdict
from farm.mcp.bounded_output import bounded_json


@scorer(metrics=[accuracy(), stderr()])
def lean_scorer(**options: Unpack[OptionFields]) -> Scorer:
    """Return a scorer that checks whether the model's answer proves the statement, which is the sample's target.

    An answer that the farm could not decide gets no score. Such an answer stays in the log, but no metric counts it.

    Args:
        options: the options of `Farm.verify`; `level` is `checked` if absent.
    """
    judge = AnswerJudge(options)

    async def score(state: TaskState, target: Target) -> Score:
        answer = state.output.completion
        verdict = await judge.judge(answer, target.text or None)
        if verdict is None:
            return Score(value=INCORRECT, answer=answer, reason="no_response", explanation="Nothing could be sent")
        told = {"answer": judge.extract(answer), "explanation": bounded_json(of_verdict(verdict))}
        if verdict.reward is None:
            return Score.unscored(reason=f"lean_{verdict.reason}", **told)
        return Score(value=CORRECT if verdict.reward else INCORRECT, **told)

    return score


@tool
def lean_verify(**options: Unpack[OptionFields]) -> Tool:
    """Return a tool with which the model verifies a Lean text.

    The model sees the outcome, the errors, the tactics that failed and the goals before these tactics.

    Args:
        options: the options of `Farm.verify`; `level` is `compiled` if absent: the model has no statement to send.
    """
    given: OptionFields = {"level": "compiled", "feedback": True, **options}
    judge = AnswerJudge(given)

    async def execute(code: str) -> str:
        """Verify a Lean 4 text and see its errors with their goals.

        Args:
            code: The whole text, imports included.
        """
        verdict = await judge.judge(code, None)
        return "There is nothing to verify" if verdict is None else bounded_json(of_verdict(verdict))

    return execute
