"""A session of the published kimina-client, unmodified, in a process of its own, as a user runs it.

    python -m tests.compat.kimina_session sync|async URL CASES ANSWERS

CASES is a JSON file with an object of `{"codes", "options"}` by name; the results and the client's statuses of each go
into the file ANSWERS. `client.test()` comes last: a check before the others would change what Kimina's server answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typing_extensions

if sys.version_info < (3, 12):
    # kimina-client 0.2.1 uses `typing.TypedDict`, which pydantic refuses before Python 3.12.
    typing.TypedDict = typing_extensions.TypedDict

from kimina_client import AsyncKiminaClient, CheckResponse, KiminaClient, Snippet

Json = dict[str, Any]


def _snippets(case: Json) -> list[Snippet]:
    return [Snippet(id=f"snippet {at}", code=code) for at, code in enumerate(case["codes"])]


def _answer(response: CheckResponse) -> Json:
    found = sorted(response.results, key=lambda result: int(result.id.split()[1]))
    return {
        "results": [result.model_dump(exclude_none=True) for result in found],
        "statuses": [result.analyze().status.value for result in found],
    }


def _passes(test: Callable[[], None]) -> bool:
    try:
        test()
    except AssertionError:
        return False
    return True


def run(url: str, cases: dict[str, Json]) -> Json:
    client = KiminaClient(api_url=url, n_retries=1)
    answers: dict[str, Any] = {"health": client.health()}
    for name, case in cases.items():
        answers[name] = _answer(client.check(_snippets(case), show_progress=False, **case["options"]))
    return {**answers, "test": _passes(client.test)}


async def run_async(url: str, cases: dict[str, Json]) -> Json:
    client = AsyncKiminaClient(api_url=url, n_retries=1)
    answers: dict[str, Any] = {"health": await client.health()}
    for name, case in cases.items():
        answers[name] = _answer(await client.check(_snippets(case), show_progress=False, **case["options"]))
    answers["test"] = True
    try:
        await client.test()
    except AssertionError:
        answers["test"] = False
    await client.close()
    return answers


if __name__ == "__main__":
    mode, url, cases_file, answers_file = sys.argv[1:]
    cases = json.loads(Path(cases_file).read_text())
    answers = run(url, cases) if mode == "sync" else asyncio.run(run_async(url, cases))
    Path(answers_file).write_text(json.dumps(answers))
