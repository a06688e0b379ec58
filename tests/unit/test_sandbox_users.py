"""The user ids of REPLs: one for each worker process of a host, and none that anybody else has."""

from __future__ import annotations

import pytest

from workers.sandbox.plan import user_range

ALL = "         0          0 4294967295\n"
ROOTLESS = "         0       1000          1\n         1     100000      65536\n"


@pytest.mark.parametrize(("uid_map", "pid_max"), [(ALL, 1 << 22), (ALL, 1 << 15), (ROOTLESS, 1 << 15)])
def test_no_two_processes_of_a_host_give_the_same_user_id(uid_map: str, pid_max: int) -> None:
    for _ in range(20):
        found = user_range(uid_map, pid_max)
        assert found
        first, count = found
        assert count >= pid_max
        assert 1000 < first < first + count <= (1 << 31 if uid_map == ALL else 65537)


def test_another_container_draws_another_range() -> None:
    assert len({user_range(ALL, 1 << 22) for _ in range(200)}) > 50


def test_a_namespace_with_few_ids_has_none_for_repls() -> None:
    assert user_range("0 1000 1\n", 1 << 15) is None
