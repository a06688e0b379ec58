"""Makes reward functions that trainers can call: TRL's GRPO, and verl.

A reward function connects to the farm at its first call: to the `farm` that was given, or else to the farm that
`FARM_URL` names. Its default level is `checked`, because a model in training would exploit the gaps in `compiled`.

If the farm cannot decide a proof (a timeout, no memory, a crash), the proof's reward is the argument `undecided`. A
completion that cannot be sent, because it is empty or has invalid characters, is worth 0.

The functions work in threads and on both sides of a fork, and they can be pickled if `extract` can. The docstring of
`Farm` says how the given farm is pickled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, Unpack

from farm.client.columns import Statement
from farm.client.completions import Completion, Extract, extract_lean, proof_of
from farm.client.submission import OptionFields
from farm.client.sync import Farm
from farm.errors import InvalidRequest
from farm.models import Level, Proof, Verdict, rewards

__all__ = [
    "Completion",
    "Extract",
    "Score",
    "TRLReward",
    "VerlBatchReward",
    "VerlReward",
    "extract_lean",
    "trl_reward",
    "verl_batch_reward",
    "verl_reward",
]

Score: TypeAlias = dict[str, float]


class TRLReward(Protocol):
    """A reward function as TRL's GRPOTrainer calls it."""

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any) -> list[float | None]:
        """Return one reward per completion; TRL leaves out a completion whose reward is None."""
        ...


class VerlReward(Protocol):
    """A `compute_score` as verl's reward managers call it for one sample."""

    def __call__(
        self, data_source: str, solution_str: str, ground_truth: Statement, extra_info: Any = None, **more: Any
    ) -> Score:
        """Return `score`, `acc` (1 if accepted) and `undecided` (1 if undecided)."""
        ...


class VerlBatchReward(Protocol):
    """A `compute_score` as verl's batch reward manager calls it."""

    def __call__(
        self,
        data_sources: Iterable[str],
        solution_strs: Sequence[str],
        ground_truths: Sequence[Statement],
        extra_infos: Any = None,
        **more: Any,
    ) -> list[Score]:
        """Return for each sample what a `VerlReward` returns."""
        ...


def trl_reward(
    *,
    undecided: float | None = None,
    statement: str = "statement",
    extract: Extract = extract_lean,
    farm: Farm | None = None,
    retry_undecided: int = 0,
    **options: Unpack[OptionFields],
) -> TRLReward:
    """Return a reward function for TRL's `GRPOTrainer(reward_funcs=...)`.

    Args:
        undecided: the reward if the farm could not decide. With None, a TRL trainer that has an
            `unscorable_mask` leaves the completion out: the completion gets no advantage and does not count in its
            group's mean. Older versions of TRL turn None into 0.
        statement: the name of the data set's column of statements. With `level="compiled"`, the column may be missing.
        extract: the function that extracts the Lean source from a completion.
        farm: the farm to ask; if None, the farm that `FARM_URL` names.
        retry_undecided: how often an undecided proof is tried again.
        options: the options of `Farm.verify`; `level` is `checked` if absent.
    """
    return _TRLReward(_Judge(farm, extract, options), undecided, statement, retry_undecided)


def verl_reward(
    *, undecided: float, extract: Extract = extract_lean, farm: Farm | None = None, **options: Unpack[OptionFields]
) -> VerlReward:
    """Return a `compute_score` for verl's `custom_reward_function`, which calls it with one sample at a time.

    The statement is `ground_truth`, a text or a struct (`Statement`). verl's reward workers make the calls in
    threads, and each thread waits for its verdict. So at any moment, the farm has at most one proof for each thread
    of the reward workers.

    Args:
        undecided: the reward if the farm could not decide; verl needs a number, so there is no default.
        extract: the function that extracts the Lean source from a solution.
        farm: the farm to ask; if None, the farm that `FARM_URL` names.
        options: the options of `Farm.verify`; `level` is `checked` if absent.
    """
    return _VerlReward(_Judge(farm, extract, options), undecided)


def verl_batch_reward(
    *,
    undecided: float,
    extract: Extract = extract_lean,
    farm: Farm | None = None,
    retry_undecided: int = 0,
    **options: Unpack[OptionFields],
) -> VerlBatchReward:
    """Return a `compute_score` for verl's `BatchRewardManager`, which calls it with all samples at once.

    Args:
        undecided: as for `verl_reward`.
        extract: as for `verl_reward`.
        farm: as for `verl_reward`.
        retry_undecided: how often an undecided proof is tried again.
        options: as for `verl_reward`.
    """
    return _VerlBatchReward(_Judge(farm, extract, options), undecided, retry_undecided)


# The reward functions are objects, because inner functions cannot be pickled. A trainer logs a reward function under
# its `__name__`, which users may set.


@dataclass(eq=False)
class _TRLReward:
    judge: _Judge
    undecided: float | None
    statement: str
    retry_undecided: int
    __name__ = "lean_reward"

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any) -> list[float | None]:
        level = self.judge.level
        if self.statement not in columns and level is not Level.COMPILED:
            raise InvalidRequest(f"The data set has no column {self.statement!r}, which level={level.value!r} needs")
        statements = columns.get(self.statement) or [None] * len(completions)
        verdicts = self.judge.judge_many(completions, statements, self.retry_undecided)
        if log_metric := columns.get("log_metric"):
            log_metric("lean/undecided", sum(map(_is_undecided, verdicts)) / len(verdicts))
        return self.judge.rewards(verdicts, self.undecided)


@dataclass(eq=False)
class _VerlReward:
    judge: _Judge
    undecided: float
    __name__ = "compute_score"

    def __call__(
        self, data_source: str, solution_str: str, ground_truth: Statement, extra_info: Any = None, **more: Any
    ) -> Score:
        [score] = self.judge.scores(self.judge.judge([solution_str], [ground_truth]), self.undecided)
        return score


@dataclass(eq=False)
class _VerlBatchReward:
    judge: _Judge
    undecided: float
    retry_undecided: int
    __name__ = "compute_score"

    def __call__(
        self,
        data_sources: Iterable[str],
        solution_strs: Sequence[str],
        ground_truths: Sequence[Statement],
        extra_infos: Any = None,
        **more: Any,
    ) -> list[Score]:
        verdicts = self.judge.judge_many(solution_strs, ground_truths, self.retry_undecided)
        return self.judge.scores(verdicts, self.undecided)


class _Judge:
    """Sends completions to the farm to be verified. A completion that cannot be sent gets None instead of a verdict."""

    def __init__(self, farm: Farm | None, extract: Extract, options: OptionFields) -> None:
        self._farm = farm
        self._extract = extract
        self._options: OptionFields = {"level": "checked", **options}
        self.level = _level(self._options["level"])

    def judge(self, completions: Sequence[Completion], statements: Sequence[Statement]) -> list[Verdict | None]:
        """Verify completions with `Farm.verify`, which suits small numbers, and return their verdicts."""
        proofs = self._proofs(completions, statements)
        sent = list(filter(None, proofs))
        return _spread(proofs, self._connected().verify(sent, **self._options) if sent else [])

    def judge_many(
        self, completions: Sequence[Completion], statements: Sequence[Statement], retry_undecided: int
    ) -> list[Verdict | None]:
        """Verify any number of completions as batches, and return their verdicts."""
        proofs = self._proofs(completions, statements)
        sent = list(filter(None, proofs))
        return _spread(proofs, self._connected().verify_many(sent, retry_undecided=retry_undecided, **self._options))

    def rewards(self, verdicts: Sequence[Verdict | None], undecided: float | None) -> list[float | None]:
        """Return one reward per completion; a completion that could not be sent is worth 0."""
        given = iter(rewards(filter(None, verdicts), undecided=undecided, level=self.level))
        return [next(given) if verdict else 0.0 for verdict in verdicts]

    def scores(self, verdicts: Sequence[Verdict | None], undecided: float) -> list[Score]:
        """Return a score for each completion, with numbers only, because verl averages all of a score's values."""
        pairs = zip(self.rewards(verdicts, undecided), verdicts, strict=True)
        return [
            {
                "score": undecided if reward is None else reward,
                "acc": float(verdict is not None and verdict.reward == 1.0),
                "undecided": float(_is_undecided(verdict)),
            }
            for reward, verdict in pairs
        ]

    def _connected(self) -> Farm:
        # The client is made at the first call: trainers make a reward function in one process and call it in others.
        self._farm = self._farm or Farm()
        return self._farm

    def _proofs(self, completions: Sequence[Completion], statements: Sequence[Statement]) -> list[Proof | None]:
        if len(completions) != len(statements):
            raise InvalidRequest(f"There are {len(completions)} completions and {len(statements)} statements")
        pairs = zip(completions, statements, strict=True)
        return [proof_of(self._extract(each), statement, index) for index, (each, statement) in enumerate(pairs)]


def _level(name: str) -> Level:
    try:
        return Level(name)
    except ValueError:
        raise InvalidRequest(f"level: {name!r} is none of compiled, checked, attested") from None


def _spread(proofs: Sequence[Proof | None], verdicts: Iterable[Verdict]) -> list[Verdict | None]:
    """Return a list with each verdict at the position of its proof, and None where no proof was sent."""
    given = iter(verdicts)
    return [next(given) if proof else None for proof in proofs]


def _is_undecided(verdict: Verdict | None) -> bool:
    # A verdict that was revoked has no reward either.
    return verdict is not None and verdict.reward is None
