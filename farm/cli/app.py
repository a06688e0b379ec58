"""The app with all commands, and the reporting of their errors."""

from __future__ import annotations

import errno
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from farm.cli import (
    batches,
    bundle,
    cache,
    demo,
    export,
    history,
    index,
    init,
    inspect,
    join,
    keys,
    mcp,
    operate,
    rerun,
    resume,
    retrieve,
    revoke,
    up,
    verify,
)
from farm.cli.output import drop_output, mend_streams, tell
from farm.errors import FarmError
from farm.processes import keep_loaded

app = typer.Typer(
    name="farm",
    help="Verify Lean 4 proofs and retrieve premises on a farm of workers.\n\n"
    "`farm up` starts one here; the other commands find it by FARM_URL, else on this host at PORT. "
    "`farm --install-completion` makes your shell complete commands and options.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_FIRST_STEPS = """\
farm up             start a farm on this machine
farm doctor         say what is installed here, and what to do about the rest
farm verify FILE    verify Lean proofs
farm retrieve GOAL  find premises for a goal
farm status         show the workers, and how much work waits

`farm --help` shows all commands, and `farm COMMAND --help` explains one."""


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"leanfarm {version('leanfarm')}")
        raise typer.Exit


@app.callback()
def farm(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version of leanfarm.")
    ] = False,
) -> None:
    """Handle `farm` without a command. The help text of `farm` is the `help` of the app above."""
    if context.invoked_subcommand is None:
        typer.echo(_FIRST_STEPS)


app.command()(up.up)
app.command()(join.join)
app.command()(bundle.bundle)
app.command()(demo.demo)
app.command()(init.init)
app.command()(verify.verify)
app.command()(retrieve.retrieve)
app.command()(mcp.mcp)
app.command()(operate.status)
app.command()(history.history)
app.command()(batches.batches)
app.command()(export.export)
app.command()(rerun.rerun)
app.command()(operate.drain)
app.command()(revoke.revoke)
app.command()(resume.resume)
app.command()(inspect.doctor)
app.command()(inspect.bench)
app.add_typer(cache.app, name="cache")
app.add_typer(index.app, name="index")
app.add_typer(keys.app, name="keys")


def run() -> None:
    """Run the command line; exit 0 for success, 1 for failure, 2 for wrong use."""
    keep_loaded()
    mend_streams()
    try:
        app()
    except FarmError as error:
        tell(error.message, "error", "red")
        sys.exit(2 if error.status == 422 else 1)
    except OSError as error:
        # An error that names a file concerns a file that the user or a setting named, so the user can solve it. If a
        # disk is full, the error of a write to stdout names no file.
        if not error.filename and error.errno not in _FULL:
            raise
        tell(f"{error.filename or 'The output'}: {error.strerror}", "error", "red")
        drop_output()
        sys.exit(1)
