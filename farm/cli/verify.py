"""`farm verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from farm.cli.batch_names import LabelOption, TagOption
from farm.cli.feedback import show_feedback
from farm.cli.output import console, show_table, tell
from farm.cli.pass_at import read_pass_at, tell_pass_at
from farm.cli.rows import Columns, Row, id_of_place
from farm.cli.runs import run_rows
from farm.cli.sources import read
from farm.cli.verdicts import COLUMNS, check_writable, table_row
from farm.client import Run
from farm.client.rows import EMPTY, BadRow, bad_row
from farm.client.submission import OptionFields
from farm.errors import InvalidRequest
from farm.models import Proof
from farm.whole_files import is_special


def verify(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files (.lean, .jsonl, .json, .csv, .parquet), folders, - for stdin, "
            "hf://datasets/OWNER/NAME[@REV][/PATH]."
        ),
    ],
    timeout: Annotated[float | None, typer.Option(help="Seconds one proof may run.")] = None,
    level: Annotated[
        Literal["compiled", "checked", "attested"], typer.Option(help="The level an accepted proof must reach.")
    ] = "compiled",
    environment: Annotated[str, typer.Option(help="The Lean environment; `farm status` lists them.")] = "default",
    priority: Annotated[
        int, typer.Option(min=0, max=9, help="Each step up doubles this batch's share among yours.")
    ] = 5,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Show for each error the tactic that failed and the goals before it.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run even proofs that have a verdict already.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN of a data set: any field of a proof, or header; FIELD= leaves the field out."),
    ] = None,
    statement_column: Annotated[str | None, typer.Option(metavar="COLUMN", help="Where the statements are.")] = None,
    code_column: Annotated[str | None, typer.Option(metavar="COLUMN", help="Where the proofs are.")] = None,
    id_column: Annotated[str | None, typer.Option(metavar="COLUMN", help="Where the names of proofs are.")] = None,
    problem_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Where the names of problems are; they group attempts.")
    ] = None,
    pass_at: Annotated[
        str | None, typer.Option(metavar="K,…", help="Print pass@k over the problems for each k, such as 1,8,32.")
    ] = None,
    label: LabelOption = None,
    tag: TagOption = None,
    split: Annotated[str | None, typer.Option(help="Read only this split of a data set on the hub.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the verdicts: .jsonl (written as they finish, and resumed), .parquet or .tsv."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="File for the record that makes the run repeatable; repeating the call continues the run."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON verdict per line, as they finish.")] = False,
) -> None:
    """Verify proofs and show their verdicts; exit 0 only if all are accepted.

    A line of a .jsonl file is `{"id"?, "code", "statement"?, "problem"?}`, or a row with a data set's own columns
    (`formal_statement`, `header`, `proof`, `lean4_code`, `name`). A line that is neither is rejected; the rest runs.
    Ctrl-C cancels what has not run. Repeating the call with the same .jsonl output continues: a proof that is accepted
    or rejected there is not sent again. With --manifest, a call resumes the batches of an earlier call that was killed.

    Example: `farm verify attempts.parquet --level checked --pass-at 1,8 --label 'step 40' --manifest run.json`.
    """
    columns = Columns.parse(
        column or [], statement=statement_column, code=code_column, id=id_column, problem=problem_column
    )
    proofs = _checked(list(read(paths, columns, split, output)), paths, level)
    counts = read_pass_at(pass_at, proofs) if pass_at is not None else []
    if manifest:
        check_writable(manifest)
    options: OptionFields = {
        "timeout_s": timeout,
        "level": level,
        "environment": environment,
        "priority": priority,
        "cache": not no_cache,
    }
    if feedback:
        options["feedback"] = True
    # Feedback, label and tags are sent only if they are given: a farm of an older release refuses these options.
    if label:
        options["label"] = label
    if tag:
        options["tags"] = tag
    # A device or a FIFO takes the manifest at the end, but keeps no record that a repeated call could find.
    record = None if manifest is None or is_special(manifest) else manifest
    run = run_rows(proofs, options, output, record, as_json=as_json)
    if manifest:
        run.manifest.write(manifest)
    if not as_json:
        _show(run, output)
        show_feedback(run)
    tell_pass_at(counts, run)
    raise typer.Exit(0 if run.counts.accepted == len(run) else 1)


def _checked(placed: list[tuple[str, Row]], paths: list[str], level: str) -> list[Row]:
    """Check that the rows are worth a run, and return them.

    Raises:
        InvalidRequest: there are no rows, no row holds a proof, or two rows have the same id.
    """
    if not placed:
        raise InvalidRequest(f"There is no proof in {', '.join(paths)}")
    placed = [(where, _judgeable(row, where, level)) for where, row in placed]
    rows = [row for _, row in placed]
    bad = [row.why for row in rows if isinstance(row, BadRow) and row.why != EMPTY]
    if len(bad) == len(rows):
        raise InvalidRequest(bad[0])
    if bad:
        tell(f"{len(bad)} of {len(rows)} hold no proof and are rejected; the first: {bad[0]}")
    return _named(placed)


def _judgeable(row: Row, where: str, level: str) -> Row:
    """Return a row unchanged if it can be verified at this level; else return a bad row that says why it cannot."""
    if level == "compiled" or isinstance(row, BadRow) or row.statement is not None:
        return row
    why = f"{where} has no statement, and the level {level!r} needs one; --statement-column names its column"
    return bad_row({**row.model_dump(), "id": row.id or id_of_place(where)}, why)


def _named(placed: list[tuple[str, Row]]) -> list[Row]:
    """Return the rows, each with a unique name for its verdict.

    The name is the row's id. A row without an id is named by its index among all rows. If another row has that index
    as its id, the name is the row's place in its file (`NAME:NUMBER`).

    Raises:
        InvalidRequest: two rows have the same id.
    """
    places: dict[str, str] = {}
    for where, row in placed:
        if row.id is None:
            continue
        if row.id in places:
            raise InvalidRequest(
                f"{where} has the id {row.id!r}, which {places[row.id]} has too: verdicts are named by ids;"
                " --id-column names a column of unique ids, --problem-column one whose values may repeat"
            )
        places[row.id] = where
    return [_renamed(row, where) if str(index) in places else row for index, (where, row) in enumerate(placed)]


def _renamed(row: Row, where: str) -> Row:
    """If a row is a proof without an id, return it with its place as the id; return any other row unchanged."""
    return row.model_copy(update={"id": id_of_place(where)}) if isinstance(row, Proof) and row.id is None else row


def _show(run: Run, output: Path | None) -> None:
    if output:
        tell(f"{output}: {_summary(run)}")
        return
    show_table(COLUMNS, [table_row(each) for each in run], has_text=True)
    if console.is_terminal:
        console.print(_summary(run))


def _summary(run: Run) -> str:
    engines = {each.environment.lean_version or "no Lean" for each in run}
    return ", ".join(f"{n} {outcome}" for outcome, n in run.counts) + f" by {', '.join(sorted(engines))}"
