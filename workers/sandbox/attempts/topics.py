"""Every attempt, and the program that makes one of them inside the sandbox. Standard library only."""

from __future__ import annotations

import json
import os
import sys
from typing import NamedTuple

from workers.sandbox.attempts import Program, allowances, files, judge, kernel, network, processes


class Attempt(NamedTuple):
    """One attempt.

    Attributes:
        expected: the result that the attempt must have: `denied` (an error), `killed` (the process ends) or `allowed`.
        needs: the layer without which the attempt has another result; empty if every sandbox gives the expected result.
    """

    topic: str
    name: str
    expected: str
    needs: str
    program: Program


_TABLES = (
    ("files", "denied", "", files.DENIED),
    ("network", "denied", "", network.DENIED),
    ("processes", "denied", "", processes.DENIED),
    ("processes", "denied", "uid", processes.DENIED_BY_ID),
    ("processes", "killed", "", processes.KILLED),
    ("kernel", "denied", "", kernel.DENIED),
    ("kernel", "killed", "", kernel.KILLED),
    ("lean", "allowed", "", allowances.ALLOWED),
)
ATTEMPTS = {
    name: Attempt(topic, name, expected, needs, program)
    for topic, expected, needs, table in _TABLES
    for name, program in table.items()
}


def main() -> None:
    """Make the attempt that the command line names, and print its result."""
    name, *pairs = sys.argv[1:]
    found = judge(ATTEMPTS[name].program, dict(pair.split("=", 1) for pair in pairs))
    os.write(1, json.dumps(found).encode())
