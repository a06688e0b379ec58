"""`farm up`."""

from __future__ import annotations

import asyncio
import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from farm.cli.bundle import BundleOption, use_bundle
from farm.cli.output import errors, progress_bar, tell
from farm.errors import ConfigurationError
from farm.settings import load

if TYPE_CHECKING:
    from farm.local.farm import Addresses

Ready = TypeVar("Ready", contravariant=True)


class Local(Protocol[Ready]):
    """The processes that run here under a supervisor: a whole farm, or the workers of a host that has joined a farm."""

    async def run(self, on_ready: Ready, stopped: asyncio.Event) -> None:
        """Run until `stopped` is set; call `on_ready` once everything works."""

    def kill(self) -> None:
        """End every process at once."""


def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one.")] = None,
    lean_workers: Annotated[int | None, typer.Option(help="Lean processes; 0: one per core as memory allows.")] = None,
    join_address: Annotated[
        str | None, typer.Option(help="An address of this host at which its Valkey also listens, for `farm join`.")
    ] = None,
    bundle: BundleOption = None,
) -> None:
    """Start the whole farm here, and run it until Ctrl-C or SIGTERM.

    An embedded Valkey keeps everything under DATA_DIR; with REDIS_URL set, that server is used instead.

    Example: `farm up --port 0 --lean-workers 4`, `farm up --bundle /shared/bundle --join-address 10.0.0.1`.
    """
    use_bundle(bundle)
    settings = load(port=port, lean_workers=lean_workers, join_address=join_address)
    try:
        from farm.local.farm import LocalFarm
        from farm.logs import configure_logs
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"`farm up` needs {error.name}: `pip install 'leanfarm[local]'`") from error
    configure_logs("up")
    with progress_bar() as bar:
        loading = bar.add_task("starting", total=1.0, visible=False)

        def show_progress(text: str, done: float) -> None:
            bar.update(loading, description=text, completed=done, visible=True)

        def show_ready(addresses: Addresses, notices: list[str]) -> None:
            bar.update(loading, visible=False)
            bar.stop()
            _show_ready(addresses, notices)

        local = LocalFarm(settings, lambda line: tell(line, "farm ", "dim"), show_progress)
        asyncio.run(run_until(local, show_ready, asyncio.Event()))


def _show_ready(addresses: Addresses, notices: list[str]) -> None:
    for notice in notices:
        tell(notice, "note ", "yellow")
    tell(f"API     {addresses.api}  (console at /console, docs at /docs)", "ready", "green")
    tell(f"Flower  {addresses.flower}  (login {addresses.flower_login})", "     ")
    tell(f"data    {addresses.data_dir}  · Ctrl-C stops everything", "     ")


async def run_until(local: Local[Ready], on_ready: Ready, stopped: asyncio.Event) -> None:
    """Run `local` until `stopped` is set, or until this process gets SIGINT or SIGTERM.

    At a second signal, every process is killed at once.
    """
    asked = False
    loop = asyncio.get_running_loop()

    # The event loop's own signal handlers are not used, because they do not run while something blocks the loop.
    def end(signum: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            local.kill()
            errors.show_cursor(True)  # The progress bar has hidden the cursor.
            os._exit(128 + signum)
        asked = True
        loop.call_soon_threadsafe(stopped.set)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
    await local.run(on_ready, stopped)
