"""A tree of the tactics that were run on a goal: each node is a proof state, and tactics lead from node to node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from farm.models import Message, Status, Tried
from farm.source import Source

_NO_SORRY = "The text has no sorry, so there is no goal"
_PROVED, _SORRY, _OPEN = "Completed", "Incomplete: contains sorry", "Incomplete"


@dataclass(slots=True)
class Node:
    """A proof state, and how it was reached.

    Attributes:
        state: the REPL's number for the state.
        generation: the REPL process that knows the number.
        found: the result of the tactic that leads here; None before it has run.
        losses: how often the REPL died during that tactic.
    """

    state: int | None = None
    generation: int = 0
    found: Tried | None = None
    losses: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def is_end(self) -> bool:
        """Whether the tactic that leads here failed, so that nothing can follow."""
        return self.found is not None and self.found.error is not None


@dataclass(slots=True)
class Tree:
    """A goal, and the tactics that were run on it.

    Attributes:
        source: the text with the goal in it.
        timeout_s: seconds that each tactic may take.
        goal: the goal as Lean prints it; None before the text has been run, or if the text has no goal.
        error: why there is no goal.
        size: how many tactics are remembered.
        doubtful: tactics that the farm could not decide, each with the node before it.
    """

    source: Source
    timeout_s: float
    root: Node = field(default_factory=Node)
    goal: str | None = None
    error: str | None = None
    size: int = 0
    doubtful: list[tuple[Node, str]] = field(default_factory=list)

    def child(self, node: Node, tactic: str) -> Node:
        """Return the child of `node` that a tactic leads to; make the child if it does not exist yet."""
        if tactic not in node.children:
            node.children[tactic] = Node()
            self.size += 1
        return node.children[tactic]

    def forget_doubtful(self) -> None:
        """Forget the tactics that the farm could not decide, so that the next request tries them again."""
        for node, tactic in self.doubtful:
            node.children.pop(tactic, None)
        self.doubtful.clear()

    def begin(self, reply: dict[str, Any], generation: int) -> None:
        """Take the goal from the REPL's reply to the text; if there is no goal, record why."""
        self.root.generation = generation
        first = next((each for each in reply.get("sorries", []) if each.get("proofState") is not None), None)
        if first is None:
            self.error = _first_error(reply) or _NO_SORRY
        else:
            self.root.state, self.goal = first["proofState"], first["goal"]


def failed(status: Status, error: str) -> Tried:
    """Return the result of a tactic that gave no state."""
    return Tried(status=status, error=error)


def read(reply: dict[str, Any]) -> Tried:
    """Return the result of a tactic, read from the REPL's reply to it."""
    if "message" in reply:
        return failed(Status.ERROR, reply["message"].strip())
    messages = [Message.model_validate(each) for each in reply.get("messages", [])]
    if error := _first_error(reply):
        return Tried(status=Status.ERROR, error=error, messages=messages)
    status, goals = _status(reply), reply.get("goals", [])
    error = str(reply.get("proofStatus")) if status is Status.ERROR else None
    return Tried(status=status, goals=goals, error=error, messages=messages)


def _status(reply: dict[str, Any]) -> Status:
    """Return the status of a reply without errors: `proved` only if the REPL itself says `Completed`."""
    said = str(reply.get("proofStatus", ""))
    if reply.get("sorries") or said.startswith(_SORRY):
        return Status.SORRY
    if reply.get("goals") or said.startswith(_OPEN):
        return Status.OPEN
    return Status.PROVED if said == _PROVED else Status.ERROR


def _first_error(reply: dict[str, Any]) -> str | None:
    if "message" in reply:
        return str(reply["message"])
    return next((each["data"] for each in reply.get("messages", []) if each["severity"] == "error"), None)
