"""Tries sequences of tactics on a goal. If several sequences begin alike, a process runs this beginning only once.

No result is a verdict: a proof that was found still has to be verified.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from farm.models import Answer, Candidates, Environment, Reason, Status, Tried
from farm.source import Source, assemble, split_header
from farm.store.claims import Claim, ClaimedItem
from farm.store.lanes import lane_domain
from workers.lean.repl_events import HeaderFailed, HeaderTimeout, ReplEnded, ReplOutOfMemory, ReplTimeout
from workers.lean.repl_watch import Died, Watch
from workers.lean.session import Header, Session
from workers.lean.tactic_tree import Node, Tree, failed, read

# How many trees are kept, because their goals may come again, and how many tactics a tree may remember.
_MOST_TREES = 16
_MOST_NODES = 10_000
_MOST_LOSSES = 2
_TOO_LARGE = "The tactic took more memory than one REPL may have (LEAN_MEMORY_LIMIT_MB)"


class _Lost(Exception):
    """The REPL died, and every proof state in it is lost, so the sequence of tactics is run again from its start."""


class TacticSearcher:
    """Tries tactics on goals on the REPL of this process, and remembers the results."""

    def __init__(self, session: Session, watch: Watch, environment: Environment) -> None:
        self._session = session
        self._watch = watch
        self._environment = environment
        self._trees: OrderedDict[tuple[str, str, float], Tree] = OrderedDict()

    def run(self, item: ClaimedItem, task: Candidates, claim: Claim) -> Answer:
        """Return the goal, and the result that each sequence of tactics has on it.

        Raises:
            Died: the REPL died while running the text of the goal, or sent a false reply.
            GivenUp, StartFailed: as `Judge.run` does.
        """
        self._session.enter(lane_domain(claim.lane))
        tree, started = self._tree(claim, task), time.monotonic()
        answers: list[dict[str, Any]] = []
        reason, message = None, ""
        try:
            tried = [self._try(tree, tactics).model_dump(mode="json", by_alias=True) for tactics in task.candidates]
            self._require_truth(tree)
            answers = [{"goal": tree.goal, "error": tree.error, "candidates": tried}]
            tree.forget_doubtful()
        except HeaderTimeout:
            reason = Reason.TIMEOUT
            message = f"The header did not load within {self._watch.header_timeout_s:g} s (LEAN_HEADER_TIMEOUT_S)"
        except ReplTimeout:
            reason, message = Reason.TIMEOUT, f"Lean did not reach the goal within {tree.timeout_s:g} s"
        except ReplOutOfMemory:
            reason = Reason.OUT_OF_MEMORY
            message = "The goal's text took more memory than one REPL may have (LEAN_MEMORY_LIMIT_MB)"
        except ReplEnded as error:
            raise Died(str(error)) from error
        return claim.answer(
            item, answers, started=started, environment=self._environment, reason=reason, message=message
        )

    def _tree(self, claim: Claim, task: Candidates) -> Tree:
        text, timeout_s = assemble(task.proof).text, float(claim.options["timeout_s"])
        key = (claim.lane, text, timeout_s)
        tree = self._trees.setdefault(key, Tree(split_header(text), timeout_s))
        if tree.size > _MOST_NODES:
            tree = self._trees[key] = Tree(tree.source, timeout_s)
        self._trees.move_to_end(key)
        if len(self._trees) > _MOST_TREES:
            self._trees.popitem(last=False)
        return tree

    def _try(self, tree: Tree, tactics: list[str]) -> Tried:
        while True:
            try:
                return self._walk(tree, tactics)
            except _Lost:
                # The loop ends: each loss is counted at the tactic that caused it, and a tactic may cause only a few.
                continue

    def _walk(self, tree: Tree, tactics: list[str]) -> Tried:
        """Return the result of a sequence of tactics.

        A tactic runs only if it has no result yet, or if the state after it was lost with an earlier REPL process.
        """
        if tree.error is None:
            self._open(tree)
        if tree.error is not None:
            return Tried(status=Status.ERROR, error=tree.error)
        node, spent_s = tree.root, 0.0
        for position, tactic in enumerate(tactics):
            before, node = node, tree.child(node, tactic)
            if node.found is None or not (node.is_end or node.generation == self._session.generation):
                spent_s += self._run(tree, before, node, tactic)
            if node.found is not None and node.is_end:
                return node.found.model_copy(update={"failed_at": position, "time_s": round(spent_s, 6)})
        assert node.found is not None  # noqa: S101 - there is a tactic, and it has run
        return node.found.model_copy(update={"time_s": round(spent_s, 6)})

    def _open(self, tree: Tree) -> None:
        """Open the goal in the present REPL process.

        Raises:
            ReplEnded: the REPL died before the goal was open.
            _Lost: the REPL ran out of memory, perhaps because of earlier tasks.
        """
        is_fresh = self._session.pid is None or self._session.holds_only(tree.source.header)
        try:
            header = self._watch.load(tree.source.header)
            if tree.root.generation == self._session.generation:
                return
            reply = self._watch.run(tree.timeout_s, lambda: self._elaborate(header, tree.source, tree.timeout_s))
        except HeaderFailed as failure:
            tree.error = failure.text
            return
        except ReplOutOfMemory:
            if is_fresh:
                raise
            # The memory may be taken by earlier tasks in this REPL, not by this goal.
            raise _Lost from None
        tree.begin(reply, self._session.generation)

    def _elaborate(self, header: Header, source: Source, timeout_s: float) -> dict[str, Any]:
        self._session.run(header, source.body, timeout_s)
        return self._session.exchange.reply or {}

    def _run(self, tree: Tree, before: Node, node: Node, tactic: str) -> float:
        """Run a tactic, record its result, and return the seconds it took.

        Raises:
            _Lost: the REPL died. The tactic is tried once more in a fresh REPL before it is blamed.
        """
        started, request = time.monotonic(), {"proofState": before.state, "tactic": tactic}
        try:
            reply = self._watch.run(tree.timeout_s, lambda: self._session.talk(request, tree.timeout_s))
        except ReplTimeout:
            node.found = failed(Status.TIMEOUT, f"Lean did not finish within {tree.timeout_s:g} s")
            tree.doubtful.append((before, tactic))
        except ReplEnded as error:
            node.losses += 1
            if node.losses < _MOST_LOSSES:
                raise _Lost from error
            is_memory = isinstance(error, ReplOutOfMemory)
            node.found = failed(Status.OUT_OF_MEMORY if is_memory else Status.CRASHED, str(error) or _TOO_LARGE)
            tree.doubtful.append((before, tactic))
        else:
            node.found, node.state, node.generation = read(reply), reply.get("proofState"), self._session.generation
        return time.monotonic() - started

    def _require_truth(self, tree: Tree) -> None:
        """Make sure that the REPL's replies to this task answered its requests, and were not forged.

        Raises:
            ReplEnded: the REPL died or sent a false reply; no result from these replies is kept.
        """
        if tree.error is not None or self._session.pid is None:
            return
        try:
            header = self._watch.load(tree.source.header)
            self._session.require_token(header)
        except ReplEnded:
            self._trees.clear()
            raise
