"""An example for each route that takes a body, ready to be sent."""

from __future__ import annotations

from typing import Any

_TRUE = "theorem two : 1 + 1 = 2 := by rfl"
_GOAL = "a b : Nat\n⊢ a + b = b + a"

EXAMPLES: dict[str, Any] = {
    "BatchRequest": {"proofs": [{"id": "two", "code": _TRUE}], "timeout_s": 30, "label": "a first batch"},
    "RerunRequest": {"outcome": "undecided"},
    "RowsRequest": {
        "rows": [{"name": "two", "header": "import Init", "formal_statement": "theorem two : 1 + 1 = 2 := by sorry"}]
    },
    "CommandsRequest": {"requests": [{"cmd": "#eval 1 + 1"}]},
    "TacticsRequest": {"goals": [{"code": "theorem two : 1 + 1 = 2 := by sorry", "candidates": ["rfl", ["simp"]]}]},
    "RetrieveRequest": {"state": _GOAL, "k": 8},
    "RetrieveBatchRequest": {"states": [_GOAL], "k": 8},
    "CheckRequest": {"snippets": [{"id": "two", "code": _TRUE}], "timeout": 30},
    "VerifyRequest": {"codes": [{"custom_id": "two", "proof": _TRUE}], "timeout": 30},
    "OpenRLHFRequest": {
        "query": ["Prove it. by rfl"],
        "prompts": ["Prove it. "],
        "labels": ["theorem two : 1 + 1 = 2"],
    },
}
"""Example bodies, by the name of the body's model."""
