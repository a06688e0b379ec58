"""`python -m workers.embed.gpu_check`: a rate if anything embeds, and a clear message if there is no GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tei import Tei

NVIDIA_SMI = '#!/bin/sh\necho "GPU 0: Some Card (UUID: GPU-0)"\n'


def check(folder: Path, path: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.embed.gpu_check", "0.2"]
    environment = {"PATH": path, "DATA_DIR": str(folder), **settings}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def with_gpu(tmp_path: Path) -> str:
    """A path with an `nvidia-smi` that lists one; a script, there is no GPU here."""
    script = tmp_path / "bin" / "nvidia-smi"
    script.parent.mkdir()
    script.write_text(NVIDIA_SMI)
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


def test_without_a_gpu_it_measures_what_there_is_and_says_what_is_missing(tmp_path: Path) -> None:
    run = check(tmp_path, str(tmp_path))
    assert run.returncode == 1, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "no GPU"
    assert re.fullmatch(r"\d+ texts in \d+\.\d s: [1-9]\d* texts/s", lines[2])
    assert "No NVIDIA GPU is seen here" in lines[-1]


def test_with_a_gpu_and_a_service_all_is_well(tmp_path: Path, with_gpu: str) -> None:
    with Tei() as tei:
        run = check(tmp_path, with_gpu, EMBED_SERVICE_URL=tei.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[0] == "GPU 0: Some Card (UUID: GPU-0)"
    assert "tei: stand-in/model@c0ffee, 8 numbers per text" in run.stdout


def test_a_gpu_that_is_not_used_is_told(tmp_path: Path, with_gpu: str) -> None:
    run = check(tmp_path, with_gpu)
    assert run.returncode == 1
    assert "the lexical embedder uses no GPU" in run.stdout.splitlines()[-1]


def test_a_service_that_is_away_is_told_in_one_line(tmp_path: Path, with_gpu: str) -> None:
    run = check(tmp_path, with_gpu, EMBED_SERVICE_URL="http://127.0.0.1:9", EMBED_SERVICE_TIMEOUT="1")
    assert run.returncode == 1
    assert "cannot be reached" in run.stdout.splitlines()[-1]
    assert "Traceback" not in run.stderr
