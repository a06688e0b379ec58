"""`farm verify`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from farm.cli.batches import LabelOption, TagOption
from farm.cli.output import connect, console, progress_bar, show_json_line, show_table, tell
from farm.cli.rows import Columns, Row, name_of
from farm.cli.sources import read
from farm.cli.verdicts import COLUMNS, Output, check_writable, open_output, table_row
from farm.client import Run
from farm.client.manifest import identify
from farm.client.rows import EMPTY, BadRow
from farm.client.submission import OptionFields
from farm.errors import InvalidRequest
from farm.models import Proof, Verdict


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
    environment: Annotated[
        str, typer.Option(help="The Lean environment; `farm status` shows those there are.")
    ] = "default",
    priority: Annotated[int, typer.Option(min=0, max=9, help="Among your own batches, 9 first.")] = 5,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run again what has a verdict already.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN of a data set: id, code, statement, problem; FIELD= leaves one out."),
    ] = None,
    label: LabelOption = None,
    tag: TagOption = None,
    split: Annotated[str | None, typer.Option(help="Of a data set on the hub this split alone.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the verdicts: .jsonl (written as they finish, and resumed), .parquet or .tsv."),
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="File for the record that makes the run repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON verdict per line, as they finish.")] = False,
) -> None:
    """Verify proofs and show their verdicts; exit 0 only if all are accepted.

    A line of a .jsonl file is `{"id"?, "code", "statement"?, "problem"?}`; one that is not is rejected by itself.
    Ctrl-C cancels what has not run. The same call with the same .jsonl output goes on: a proof that it says accepted or
    rejected of is not sent again.
    """
    proofs = _checked(list(read(paths, Columns.parse(column or []), split, output)), paths)
    if manifest:
        check_writable(manifest)
    options: OptionFields = {
        "timeout_s": timeout,
        "level": level,
        "environment": environment,
        "priority": priority,
        "cache": not no_cache,
        "label": label,
        "tags": tag or [],
    }
    run = _run(proofs, options, output, as_json=as_json)
    if manifest:
        run.manifest.write(manifest)
    if not as_json:
        _show(run, output)
    raise typer.Exit(0 if run.counts.accepted == len(run) else 1)


def _checked(placed: list[tuple[str, Row]], paths: list[str]) -> list[Row]:
    """Return the rows, once they are known to be worth a run.

    Raises:
        InvalidRequest: there are none, none of them holds a proof, or two have one id.
    """
    if not placed:
        raise InvalidRequest(f"There is no proof in {', '.join(paths)}")
    rows = [row for _, row in placed]
    bad = [row.why for row in rows if isinstance(row, BadRow) and row.why != EMPTY]
    if len(bad) == len(rows):
        raise InvalidRequest(bad[0])
    if bad:
        tell(f"{len(bad)} of {len(rows)} hold no proof and are rejected; the first: {bad[0]}")
    return _named(placed)


def _named(placed: list[tuple[str, Row]]) -> list[Row]:
    """Return the rows with one name each, by which verdicts go: an id, else the index, else the place.

    Raises:
        InvalidRequest: two have one id.
    """
    places: dict[str, str] = {}
    for where, row in placed:
        if row.id is None:
            continue
        if row.id in places:
            raise InvalidRequest(f"{where} has the id {row.id!r}, which {places[row.id]} has: verdicts go by ids")
        places[row.id] = where
    return [_renamed(row, where) if str(index) in places else row for index, (where, row) in enumerate(placed)]


def _renamed(row: Row, where: str) -> Row:
    """Return a row whose index is no name for it, because another has that for an id."""
    return row.model_copy(update={"id": name_of(where)}) if isinstance(row, Proof) and row.id is None else row


def _run(proofs: list[Row], options: OptionFields, output: Path | None, *, as_json: bool) -> Run:
    identities = [identify(proof, index) for index, proof in enumerate(proofs)]
    asked = {"level": options["level"], "environment": options["environment"]}
    with connect() as farm, closing(open_output(output, identities, asked) if output else Output()) as file:
        if file.known:
            tell(f"{output}: {len(file.known)} of {len(proofs)} have their verdict")
        with progress_bar(as_json) as bar:
            task = bar.add_task("verifying", total=len(proofs))

            def take(verdict: Verdict) -> None:
                file.add(verdict)
                if as_json:
                    show_json_line(verdict.dump())

            try:
                return farm.verify_many(
                    cast("list[Proof]", proofs),
                    known=file.known,
                    on_verdict=take,
                    progress=lambda done, _: bar.update(task, completed=done),
                    **options,
                )
            except KeyboardInterrupt:
                tell(f"cancelled: {bar.tasks[task].completed:.0f} of {len(proofs)} had a verdict")
                raise typer.Exit(130) from None


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
