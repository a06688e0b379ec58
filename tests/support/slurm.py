"""A stand-in for Slurm: `scontrol` and `srun` for the hosts of `tests/support/hosts.py`, and a job that a test signals.

It does what deploy/slurm/leanfarm.sbatch relies on: `srun` runs one task on each node and ends when all have ended, and
a signal for a step reaches its tasks, not their children (Slurm's proctrack/cgroup).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from farm import Farm
from farm.processes import end_session
from tests.support.hosts import Host
from tests.support.running import await_true, end_everything, started_settings

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "slurm" / "leanfarm.sbatch"
# Slurm's KillWait, between SIGTERM and SIGKILL.
GRACE_S = 30
_JOB, _PORT = "7", "8000"
_SRUN = """#!{python}
import json, os, signal, subprocess, sys
command = sys.argv[1:]
while command[0].startswith("--"):
    del command[0]
tasks = [subprocess.Popen([*host, *command], start_new_session=True) for host in json.loads({hosts!r})]
signal.signal(signal.SIGTERM, lambda *_: [task.terminate() for task in tasks])
sys.exit(any([os.wait()[1] for _ in tasks]))
"""


@dataclass(frozen=True)
class Job:
    """A running job; its first node has the farm.

    Attributes:
        folder: the folder that all nodes see.
        process: the batch script.
    """

    folder: Path
    hosts: Sequence[Host]
    process: subprocess.Popen[bytes]

    def task(self, host: Host) -> psutil.Process:
        """Return the process that `srun` started on a node."""
        own = [psutil.Process(pid) for pid in host.pids()]
        [task] = [each for each in own if each.ppid() == self.process.pid]
        return task

    def client(self) -> Farm:
        """Return an SDK client, with the key from the file that the script writes for the user."""
        note = dict(line.split("=", 1) for line in (self.folder / f"leanfarm.{_JOB}").read_text().splitlines())
        return Farm(self._url, api_key=note["FARM_API_KEY"])

    def await_nodes(self) -> None:
        """Wait until the farm and all hosts that join say that they work."""
        log, others = self.folder / "job.log", len(self.hosts) - 1
        await_true(lambda: log.read_text().count("\nready ") == 1, "the farm is ready", 90)
        await_true(lambda: log.read_text().count("\njoined ") == others, "the other nodes have joined", 90)

    @property
    def _url(self) -> str:
        return f"http://{self.hosts[0].address}:{_PORT}"

    def end(self) -> None:
        """End the job as `scancel` and preemption do."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(GRACE_S)


@contextmanager
def job(folder: Path, hosts: Sequence[Host], settings: dict[str, str]) -> Iterator[Job]:
    """Run the script on these nodes, and stop all of it at the end."""
    programs = _programs(folder, hosts)
    environment = {
        **started_settings(folder, **settings),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PORT": _PORT,
        "SLURM_JOB_ID": _JOB,
        "SLURM_JOB_NODELIST": ",".join(host.name for host in hosts),
        "SLURM_SUBMIT_DIR": str(folder),
    }
    del environment["DATA_DIR"]
    with (
        (folder / "job.log").open("wb") as log,
        subprocess.Popen(
            ["bash", str(SCRIPT)], env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            yield Job(folder, hosts, process)
        finally:
            end_session(process.pid)
            end_everything(folder)


def end_host(host: Host) -> None:
    """Let a node die: everything on it ends at once."""
    for pid in host.pids():
        os.kill(pid, signal.SIGKILL)


def _programs(folder: Path, hosts: Sequence[Host]) -> Path:
    """Write the stand-ins, and the environment in which the user installed the farm; return the folder for PATH."""
    programs = folder / "slurm"
    programs.mkdir(exist_ok=True)
    named = "\n".join(host.name for host in hosts)
    for name, text in {
        "srun": _SRUN.format(python=sys.executable, hosts=json.dumps([host.command() for host in hosts])),
        "scontrol": f"#!/bin/sh\necho '{named}'\n",
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(sys.prefix)
    return programs
