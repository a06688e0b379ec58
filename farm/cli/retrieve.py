"""`farm retrieve`."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.output import JsonOption, connect, read_stdin, show_json, show_table
from farm.cli.texts import decode


def retrieve(
    goal: Annotated[str, typer.Argument(help="The goal as Lean prints it, or - for stdin.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many premises.")] = 10,
    module: Annotated[list[str] | None, typer.Option(help="Only premises of these modules; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the premises nearest to a goal, with their scores, modules and statements."""
    state = decode(read_stdin(), "stdin") if goal == "-" else goal
    with connect() as farm:
        [premises] = farm.retrieve_many([state], k=k, imported_modules=module)
    if as_json:
        show_json([premise.model_dump() for premise in premises])
    else:
        rows = [(f"{each.score:.3f}", each.name, each.module or "", each.statement) for each in premises]
        show_table(("score", "premise", "module", "statement"), rows, has_text=True)
