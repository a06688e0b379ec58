"""`farm join`."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from farm.cli.bundle import BundleOption, use_bundle
from farm.cli.output import JsonOption, show_json, show_table, tell
from farm.cli.up import run_until
from farm.client import AsyncFarm, Farm
from farm.errors import ConfigurationError, ConnectionFailed, NotFound, Unavailable
from farm.models import HostSettings
from farm.settings import Settings, load

if TYPE_CHECKING:
    from farm.models import WorkerStatus

# How often the SDK repeats a failed call. If that does not help, this command pauses and calls again, as `--wait` says.
_RETRIES, _RETRY_S = 2, 2.0


def join(
    url: Annotated[str | None, typer.Argument(help="The farm, such as http://head:8000; otherwise FARM_URL.")] = None,
    lean_workers: Annotated[int | None, typer.Option(help="Lean processes; 0: one per core as memory allows.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a farm that does not answer yet.", min=0)] = 0,
    bundle: BundleOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run here.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run this host's Lean workers for a farm on another host, until Ctrl-C or SIGTERM.

    FARM_API_KEY is a key with the scope `join` (`farm keys create NAME --scopes join,operate`).
    The number of workers follows the cores and memory that the cgroup, the CPU affinity or the Slurm job allows.

    Example: `farm join http://head:8000 --dry-run`, `farm join http://head:8000 --wait 600`.
    """
    use_bundle(bundle)
    settings = load(lean_workers=lean_workers)
    address, key = url or settings.url, settings.farm_api_key or None
    with Farm(address, api_key=key, retries=_RETRIES) as farm:
        found = _ask(farm, wait)
    if dry_run:
        _show_plan(settings, found, as_json)
        return
    try:
        from farm.local.joined import JoinedHost
        from farm.logs import configure_logs
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"`farm join` needs {error.name}: `pip install 'leanfarm[local]'`") from error
    configure_logs("join")
    host = JoinedHost(settings, found, AsyncFarm(address, api_key=key), lambda line: tell(line, "farm ", "dim"))

    def show_joined(workers: list[WorkerStatus]) -> None:
        if as_json:
            show_json({"farm": address, "workers": [each.model_dump(mode="json") for each in workers]})
        else:
            many = f" with {len(workers)} Lean process{'es' if len(workers) > 1 else ''}" if workers else ""
            tell(f"{socket.gethostname()} works for {address}{many}", "joined", "green")

    asyncio.run(run_until(host, show_joined, asyncio.Event()))


def _ask(farm: Farm, wait_s: float) -> HostSettings:
    """Ask the farm until it answers, and return its settings for hosts; raise the last error when the time is up."""
    deadline, told = time.monotonic() + wait_s, False
    while True:
        try:
            return farm.host_settings()
        except NotFound:
            text = "knows no `farm join`: is the URL right? A farm of an older release has to be upgraded"
            raise ConfigurationError(f"{farm.base_url} {text}") from None
        except (ConnectionFailed, Unavailable) as error:
            if time.monotonic() > deadline:
                raise
            if not told:
                tell(f"waiting for the farm: {error.message}", "farm ", "dim")
            told = True
            time.sleep(_RETRY_S)


def _show_plan(settings: Settings, found: HostSettings, as_json: bool) -> None:
    """Show which workers would run here; leave the store's password out of the output."""
    from farm.local.lean_rooms import lean_rooms

    rooms = [(room.environment, room.variables) for room in lean_rooms(settings)]
    store = urlsplit(found.redis_url).hostname or ""
    if as_json:
        show_json({"version": found.version, "store": store, "settings": found.settings, "environments": dict(rooms)})
        return
    rows = [
        ("release", found.version),
        ("store", store),
        *found.settings.items(),
        *((f"environment {name}", ", ".join(f"{key}={value}" for key, value in more.items())) for name, more in rooms),
    ]
    show_table(("what", "value"), rows)
