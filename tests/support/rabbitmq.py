"""A real RabbitMQ for tests, as Debian packages it: a node of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.local.ports import free_port
from farm.processes import end_session, session_members
from tests.support.running import await_true, processes_of

# Debian's /usr/sbin/rabbitmq-server runs only as the user rabbitmq.
_BIN = Path("/usr/lib/rabbitmq/bin")
_STARTS_WITHIN_S = 90


class RabbitMQ:
    """One node, which can be killed, and started again with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"
        configuration = folder / "rabbitmq.conf"
        configuration.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
        # epmd makes itself a daemon. DATA_DIR marks it, so that it is found at the end.
        self._environment = {
            **os.environ,
            "DATA_DIR": str(folder),
            "HOME": str(folder),
            "RABBITMQ_NODENAME": "tests@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the node, and wait until it accepts connections."""
        log_path = self._folder / "rabbitmq.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [_BIN / "rabbitmq-server"], env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        await_true(lambda: "Server startup complete" in log_path.read_text(), "RabbitMQ", _STARTS_WITHIN_S)

    def kill(self) -> None:
        """Kill the node with SIGKILL: nothing is written, and no client is told."""
        if self._process:
            end_session(self._process.pid)
            self._process.wait()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within this context, the node answers nothing; its connections stay open."""
        assert self._process
        own = list(session_members(self._process.pid))
        for process in own:
            process.suspend()
        try:
            yield
        finally:
            for process in own:
                process.resume()

    def queues(self) -> dict[str, str]:
        """Return the node's queues with their types."""
        command = [str(_BIN / "rabbitmqctl"), "--quiet", "list_queues", "--no-table-headers", "name", "type"]
        listed = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=True)
        return dict(line.split("\t") for line in listed.stdout.splitlines())


def is_installed() -> bool:
    """Whether this machine has RabbitMQ."""
    return (_BIN / "rabbitmq-server").exists()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """Run a broker in a folder, and stop all of it at the end."""
    broker = RabbitMQ(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        # epmd is not in the broker's session, so it still runs.
        for process in processes_of(folder):
            process.kill()
