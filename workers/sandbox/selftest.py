"""`python -m workers.sandbox.selftest`: makes every attempt inside the real launcher, and reports the results in JSON.

An attempt is an attack that the sandbox must stop, or an action that an honest Lean needs. The attempts run on a stage:
a folder with secrets and a project, listening sockets, and a parent process with a secret in its environment.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from farm.errors import ConfigurationError
from farm.settings import load
from workers.sandbox import plan
from workers.sandbox.attempts import Facts
from workers.sandbox.attempts.topics import ATTEMPTS, Attempt
from workers.sandbox.kernel import Missing

_ADDRESS_SPACE_MB = 16384
_TIMEOUT_S = 60
_AT_ONCE = 4
_RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from workers.sandbox.attempts.topics import main; main()"


@dataclass(frozen=True)
class AttemptOutcome:
    """The result of one attempt.

    Attributes:
        expected: the result that the attempt must have: `denied`, `killed` or `allowed`.
        found: the actual result in the same words, or `broken` if the attempt itself failed.
        detail: the error that the attempt met, or the signal that killed it; if `found` is `broken`, the exit status
            and the error output; otherwise empty.
    """

    topic: str
    attempt: str
    expected: str
    found: str
    detail: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the actual result is the expected result."""
        return self.found == self.expected


@dataclass(frozen=True)
class Stage:
    """A launcher, and the things around it that must be protected.

    Attributes:
        lake: the path of the launcher, which LeanInteract would start as `lake`.
        facts: the addresses and paths of the things that must be protected.
        environment: the environment in which the launcher is started, with a secret in it.
    """

    lake: Path
    facts: Facts
    environment: dict[str, str]

    def layers(self) -> list[str]:
        """Return the names of the sandbox's layers.

        Raises:
            Missing: a layer cannot be set up.
        """
        run = subprocess.run([self.lake, "layers"], env=self.environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise Missing(run.stderr.strip().removeprefix("leanfarm launcher: "))
        return run.stdout.split()

    def attempt_all(self, layers: Sequence[str]) -> list[AttemptOutcome]:
        """Make every attempt, except those that need a layer which is not in `layers`; return their outcomes."""
        made = [attempt for attempt in ATTEMPTS.values() if attempt.needs in ("", *layers)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self.make, made))

    def make(self, attempt: Attempt) -> AttemptOutcome:
        """Make one attempt in a process of its own."""
        facts = [f"{key}={value}" for key, value in self.facts.items()]
        inner = [plan.python(), "-IS", "-c", _RUN, self.facts["source"], attempt.name, *facts]
        command = [str(self.lake), "env", *inner]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            output, errors = process.communicate(timeout=_TIMEOUT_S)
        found, detail = _read(process.returncode, output, errors)
        return AttemptOutcome(attempt.topic, attempt.name, attempt.expected, found, detail)


def _read(status: int, output: bytes, errors: bytes) -> tuple[str, str]:
    # bubblewrap reports the signal that killed its child as a shell would.
    if status in (-signal.SIGSYS, 128 + signal.SIGSYS):
        return "killed", "SIGSYS"
    try:
        found, detail = json.loads(output)
    except ValueError:
        return "broken", f"ended with {status}: {errors.decode(errors='replace')[-300:].strip()}"
    return found, detail


@contextmanager
def stage(*, sandbox: str = "required") -> Iterator[Stage]:
    """Yield a stage, and remove it afterwards.

    Args:
        sandbox: a value as in the setting `SANDBOX`; `off` shows the results without a sandbox.

    Raises:
        Missing: bubblewrap is asked for, but is not installed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leanfarm-selftest-"))).resolve()
        folder.chmod(0o711)
        facts = {**_secrets(folder), **_sockets(folder, stack), **_pipe(stack), "parent": str(os.getpid())}
        facts["source"] = _source(folder)
        lake = _launcher(folder, facts, sandbox)
        environment = {"PATH": os.defpath, "LEANFARM_SECRET": "hush", "TMPDIR": str(folder / "scratch")}
        yield Stage(lake, facts, environment)


def _secrets(folder: Path) -> Facts:
    """Write the files that must not be read or changed, with modes that would let everybody do so."""
    places = {"home/.secret": "hush", ".env": "KEY=hush", "keys": "hush", "project/Basic.olean": "olean" * 1000}
    for name, text in places.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    named = {"home": "home", "env_file": ".env", "api_keys": "keys", "olean": "project/Basic.olean", "plan": "plan"}
    return {fact: str(folder / name) for fact, name in named.items()} | {"program": plan.python()}


def _source(folder: Path) -> str:
    """Copy the attempts' source, because there are files beside the original that the attempts must not read."""
    copy = folder / "source" / "workers"
    shutil.copytree(plan.SOURCE / "workers" / "sandbox", copy / "sandbox")
    (copy / "__init__.py").touch()
    return str(copy.parent)


def _sockets(folder: Path, stack: ExitStack) -> Facts:
    tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    named, abstract = f"{folder}/socket", folder.name
    for address in (named, "\0" + abstract):
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen()
    os.chmod(named, 0o777)  # noqa: S103 - access must not be denied by its mode
    ports = {"tcp_port": str(tcp.getsockname()[1]), "udp_port": str(udp.getsockname()[1])}
    return {**ports, "unix_socket": named, "abstract_socket": abstract}


def _pipe(stack: ExitStack) -> Facts:
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return {"pipe": str(ends[1])}


def _launcher(folder: Path, facts: Facts, sandbox: str) -> Path:
    (folder / "scratch").mkdir(mode=0o711)
    environment = {"PATH": os.defpath}
    needs = plan.Needs(
        program=Path(plan.python()),
        environment=environment,
        folders=[Path(sys.base_prefix), Path(facts["source"]), Path(facts["olean"]).parent],
        programs=[],
        scratch=folder / "scratch",
        address_space_mb=_ADDRESS_SPACE_MB,
        bubblewrap=sandbox == "bubblewrap",
    )
    inherited = {**environment, "LEANFARM_SECRET": "hush", "TMPDIR": str(folder / "scratch")}
    written = plan.Plan(
        lake="/bin/false",
        inherited=inherited,
        environment=inherited if sandbox == "off" else environment,
        address_space_mb=_ADDRESS_SPACE_MB * 8 if sandbox == "off" else _ADDRESS_SPACE_MB,
        cage=None if sandbox == "off" else plan.cage(needs),
        launcher=plan.launcher(),
        visible=plan.visible(),
    )
    return plan.write(written, folder)


def main() -> None:
    """Print the layers and every outcome as JSON; exit with status 1 if an outcome is wrong."""
    try:
        settings = load()
    except ConfigurationError as error:
        sys.exit(error.message)
    wanted = "required" if settings.sandbox == "off" else settings.sandbox
    try:
        with stage(sandbox=wanted) as around:
            layers = around.layers()
            outcomes = around.attempt_all(layers)
    except Missing as missing:
        sys.stdout.write(json.dumps({"ok": False, "notice": str(missing), "layers": [], "outcomes": []}) + "\n")
        sys.exit(1)
    ok = all(outcome.is_right for outcome in outcomes)
    report = {"ok": ok, "notice": "", "layers": layers, "outcomes": [asdict(outcome) for outcome in outcomes]}
    sys.stdout.write(json.dumps(report) + "\n")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
