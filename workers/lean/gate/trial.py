"""Tries the gate on texts with known answers, before a worker runs any proof."""

from __future__ import annotations

import platform
from importlib.resources import files

import orjson

from workers.lean.gate.strict import refuse


def prove_gate() -> str | None:
    """Return a notice to the operator if the gate judges one of the texts wrongly; None if it judges all rightly.

    The gate depends on the interpreter's regular expressions, which have had faults before (Python 3.11.2). Some 300
    texts are in `trial_texts.json`; the trial takes milliseconds.
    """
    texts = orjson.loads(files("workers.lean.gate").joinpath("trial_texts.json").read_bytes())
    for answer, group in texts.items():
        for text in group:
            if (refuse(text) is not None) != (answer == "refused"):
                return (
                    f"The gate is wrong on this Python ({platform.python_version()}): {text!r} should be {answer!r}. "
                    "No proof is run here: install another Python, and report this"
                )
    return None
