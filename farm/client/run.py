"""The results of many proofs: their verdicts in order, and figures computed from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import comb
from statistics import fmean
from typing import Literal, TypeAlias, overload

from farm.client.manifest import Manifest
from farm.models import Counts, Level, Verdict, rewards

Undecided: TypeAlias = Literal["failed", "excluded"]


class Run(Sequence[Verdict]):
    """The verdicts of `verify_many`, in the order of the proofs.

    Attributes:
        manifest: the record that makes the run repeatable.
    """

    def __init__(self, verdicts: Sequence[Verdict], manifest: Manifest) -> None:
        self._verdicts = tuple(verdicts)
        self.manifest = manifest

    @overload
    def __getitem__(self, at: int) -> Verdict: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Verdict, ...]: ...
    def __getitem__(self, at: int | slice) -> Verdict | tuple[Verdict, ...]:
        return self._verdicts[at]

    def __len__(self) -> int:
        return len(self._verdicts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n} {name}' for name, n in self.counts)})"

    def _repr_html_(self) -> str:
        """Return the counts as an HTML table, for notebooks."""
        cells = (f"<tr><td>{name}</td><td>{n}</td></tr>" for name, n in [*self.counts, *self.manifest.reasons.items()])
        return f"<table>{''.join(cells)}</table>"

    @property
    def counts(self) -> Counts:
        """How many proofs were accepted, rejected and left undecided."""
        return self.manifest.counts

    def rewards(self, *, undecided: float | None = None, level: Level = Level.COMPILED) -> list[float | None]:
        """Return one reward per proof: 1.0 if accepted, 0.0 if rejected; see `farm.rewards`.

        Args:
            undecided: the reward for a proof that the farm could not decide. With None, the caller can tell such a
                proof from the others.
            level: the level that accepted proofs must have reached.

        Raises:
            ValueError: a proof was accepted at a lower level.
        """
        return rewards(self, undecided=undecided, level=level)

    def pass_at_k(self, k: int, *, undecided: Undecided | None = None) -> float:
        """Return the probability that at least one of k attempts is accepted, averaged over the problems.

        For a problem that has n attempts, of which c are accepted, the probability is estimated without bias as
        1 - C(n-c, k) / C(n, k) (Chen et al. 2021, arXiv:2107.03374, equation 1).

        Args:
            k: the number of attempts that a solver would have, 1 or more.
            undecided: how to count an attempt that the farm could not decide. `failed` counts the attempt as one of the
                n that was not accepted, which gives a lower bound. `excluded` does not count the attempt at all, which
                is right if the reason has nothing to do with the proof. With None, such an attempt raises a ValueError.

        Raises:
            ValueError: a proof has no `problem`, a problem has fewer than k attempts, or some attempts are undecided
                and `undecided` does not say how to count them.
        """
        if k < 1 or not self:
            raise ValueError(f"pass@{k} needs a k of 1 or more, and proofs")
        attempts = self._attempts(undecided)
        for problem, solved in attempts.items():
            if len(solved) < k:
                raise ValueError(f"pass@{k} needs {k} attempts that count; problem {problem!r} has {len(solved)}")
        return fmean(1 - comb(len(solved) - sum(solved), k) / comb(len(solved), k) for solved in attempts.values())

    def _attempts(self, undecided: Undecided | None) -> dict[str, list[bool]]:
        """Return for each problem, by name, whether each of its attempts was accepted; leave out excluded attempts."""
        attempts: dict[str, list[bool]] = defaultdict(list)
        for proof, verdict in zip(self.manifest.proofs, self, strict=True):
            if proof.problem is None:
                raise ValueError(f"pass@k counts attempts by `problem`, which proof {proof.id!r} does not have")
            if verdict.reward is None and undecided is None:
                raise ValueError(f"Proof {proof.id!r} is undecided: say undecided='failed' or 'excluded'")
            solved = attempts[proof.problem]
            if verdict.reward is not None or undecided == "failed":
                solved.append(verdict.reward == 1.0)
        return attempts
