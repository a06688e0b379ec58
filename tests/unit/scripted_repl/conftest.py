"""The scripted REPL, installed and served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lean_interact import AutoLeanServer, Command
from lean_interact.interface import (
    CommandResponse,
)

from tests.support.repl.asking import Run
from tests.support.repl.install import Install, install
from tests.support.repl.serving import Pipes, serving


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Install:
    return install(tmp_path_factory.mktemp("repl"))


@pytest.fixture(scope="module")
def server(where: Install) -> Iterator[AutoLeanServer]:
    with serving(where) as running:
        yield running


@pytest.fixture
def run(server: AutoLeanServer) -> Run:
    def one(text: str, env: int | None = None, timeout: float = 5) -> CommandResponse:
        response = server.run(Command(cmd=text, env=env), timeout=timeout)
        assert isinstance(response, CommandResponse), response
        return response

    return one


@pytest.fixture
def pipes(where: Install) -> Iterator[Pipes]:
    with Pipes(where) as opened:
        yield opened
