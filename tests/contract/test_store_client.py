"""The farm's types of Redis's calls agree with redis-py, which is cast to them unchecked."""

from __future__ import annotations

import inspect

import pytest
import redis
import redis.asyncio
from redis.commands.core import AsyncScript, Script

from farm.store import client

PAIRS = [
    (client.RedisClient, redis.Redis),
    (client.AsyncRedisClient, redis.asyncio.Redis),
    (client.Queue, redis.client.Pipeline),
    (client.Pipeline, redis.client.Pipeline),
    (client.Queue, redis.asyncio.client.Pipeline),
    (client.AsyncPipeline, redis.asyncio.client.Pipeline),
    (client.Script, Script),
    (client.AsyncScript, AsyncScript),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_redis_py_has_each_call_with_these_parameters(ours: type, theirs: type) -> None:
    calls = {name: call for name, call in vars(ours).items() if inspect.isfunction(call) and is_call(name)}

    assert calls
    for name, call in calls.items():
        taken = inspect.signature(getattr(theirs, name)).parameters.values()
        named = {
            each.name for each in inspect.signature(call).parameters.values() if each.kind is not each.VAR_POSITIONAL
        }
        if not any(each.kind is each.VAR_KEYWORD for each in taken):
            assert named <= {each.name for each in taken}, f"{ours.__name__}.{name}"


def is_call(name: str) -> bool:
    return name == "__call__" or not name.startswith("_")
