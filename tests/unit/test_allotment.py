"""How many cores and how much memory a process finds, from files and variables as cgroups and Slurm have them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from farm.allotment import core_limit, memory_limit_mb

GB = 1024**3


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


@pytest.fixture(autouse=True)
def large_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of 64 cores and 256 GB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)))
    memory = psutil.virtual_memory()._replace(total=256 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def test_without_any_limit_the_host_is_what_there_is(tmp_path: Path) -> None:
    assert (core_limit({}, tmp_path), memory_limit_mb({}, tmp_path)) == (64, 256 * 1024)


def test_of_cgroups_of_version_2_the_smallest_limit_counts_wherever_it_is(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0",
            "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.max": str(32 * GB),
            "sys/fs/cgroup/slurm/job_7/cpu.max": "650000 100000",
            "sys/fs/cgroup/slurm/job_7/memory.max": "max",
        },
    )

    assert (core_limit({}, root), memory_limit_mb({}, root)) == (6, 32 * 1024)


def test_of_cgroups_of_version_1_each_controller_has_its_own_tree(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": str(16 * GB),
            "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "400000",
            "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    )

    assert (core_limit({}, root), memory_limit_mb({}, root)) == (4, 16 * 1024)


@pytest.mark.parametrize(
    ("job", "cores", "memory_mb"),
    [
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "65536"}, 8, 65536),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_CPU": "4096"}, 8, 32768),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "0"}, 8, 256 * 1024),
        ({"SLURM_CPUS_ON_NODE": "128", "SLURM_MEM_PER_NODE": "900000"}, 64, 256 * 1024),
        ({"SLURM_CPUS_ON_NODE": "", "SLURM_MEM_PER_NODE": "all"}, 64, 256 * 1024),
    ],
)
def test_a_slurm_job_has_what_slurm_says_where_no_cgroup_holds_it(
    tmp_path: Path, job: dict[str, str], cores: int, memory_mb: float
) -> None:
    assert (core_limit(job, tmp_path), memory_limit_mb(job, tmp_path)) == (cores, memory_mb)


def test_a_fraction_of_a_core_is_one(tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"})

    assert core_limit({}, root) == 1
