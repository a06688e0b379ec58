"""The alarms of the farm. Each alarm says what needs an operator now, since when, and what the operator can do."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from pydantic import BaseModel, Field

from farm import toolchains
from farm.models import Alarm, AlarmKind, WorkerKind, WorkerStatus

_SILENCE_S = 180
_MOST_CHARS = 300  # of a worker's notice that an alarm quotes


class Watch(BaseModel):
    """The reaper's record for the alarms. The reaper looks at the store once a minute, and renews the record each time.

    Attributes:
        at_ms: when the reaper made its last look.
        deaf: the Lean processes that ran nothing between the last two looks, although work waited.
        since_ms: when each alarm was first seen, by the name of the alarm.
    """

    at_ms: int
    deaf: list[str] = Field(default_factory=list)
    since_ms: dict[str, int] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Misread:
    """A recent batch with statements that Lean cannot read.

    Attributes:
        owner: the name of the key that submitted the batch.
        title: the label of the batch; if it has none, its id.
        proofs: how many proofs of the batch have such a statement.
    """

    batch: str
    owner: str
    title: str
    proofs: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What the alarms are made from: a part of the store's state, as it was at one moment.

    Attributes:
        now_ms: the store's time.
        workers: the live processes.
        claimable: the environments with waiting work that a process could claim.
        paused: for each paused key, the batch in which a canary (a false proof that the farm mixes in) was accepted.
        misread: recent batches with statements that Lean cannot read, the newest first.
        watch: what the reaper recorded in its last look; None before the first look.
    """

    now_ms: int
    workers: Sequence[WorkerStatus]
    claimable: Sequence[str]
    paused: Mapping[str, str] = field(default_factory=dict)
    misread: Sequence[Misread] = ()
    watch: Watch | None = None


def alarms(scene: Scene) -> dict[str, Alarm]:
    """Return the alarms by name, the worst first. An alarm keeps its name as long as it lasts."""
    found = {
        **{f"canary {owner}": _canary(owner, batch) for owner, batch in scene.paused.items()},
        **dict(_unsound(scene.workers)),
        **dict(_silent_reaper(scene)),
        **dict(_failed(scene.workers)),
        **dict(_deaf(scene)),
        **dict(_misread(scene.misread)),
    }
    since_ms = scene.watch.since_ms if scene.watch else {}
    named = {name: alarm.model_copy(update={"name": name}) for name, alarm in found.items()}
    return {name: _dated(alarm, since_ms.get(name)) for name, alarm in named.items()}


def _dated(alarm: Alarm, since_ms: int | None) -> Alarm:
    return alarm if since_ms is None else alarm.model_copy(update={"since": since_ms / 1000})


def _canary(owner: str, batch: str) -> Alarm:
    return Alarm(
        kind=AlarmKind.CANARY,
        text=f"The farm accepted a false proof in batch {batch}, and has paused its key, {owner}",
        action=f"Trust no verdict until you know why (docs/verdicts.md, Canaries); then run `farm resume {owner}`",
        see=f"#/batches/{quote(batch, safe='')}",
        title=f"False proof accepted: key {owner} paused",
    )


def _unsound(workers: Iterable[WorkerStatus]) -> Iterator[tuple[str, Alarm]]:
    leans = sorted({(each.environment, each.serves.lean_version or "") for each in workers if each.serves})
    unsound = [(environment, version, known) for environment, version in leans if (known := toolchains.faults(version))]
    for environment, version, known in unsound:
        text = f"Environment {environment}: {toolchains.trouble(version, known)}"
        action = toolchains.advice(known)
        where = f": {environment}" if len(unsound) > 1 else ""
        title = f"Lean {version} is unsound ({_many(len(known), 'report')}){where}"
        see = _see_workers(environment=environment)
        yield (
            f"unsound {environment} {version}",
            Alarm(kind=AlarmKind.UNSOUND, text=text, action=action, see=see, title=title),
        )


def _silent_reaper(scene: Scene) -> Iterator[tuple[str, Alarm]]:
    if scene.watch is None or scene.now_ms - scene.watch.at_ms < _SILENCE_S * 1000:
        return
    last = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(scene.watch.at_ms / 1000))
    text = (
        f"No reaper has been at work since {last}: work of dead processes is not taken back, and the history has a gap"
    )
    action = "Start `python -m workers.reaper` on each host, and read its log"
    alarm = Alarm(kind=AlarmKind.REAPER, text=text, action=action, see="#/history", title="No reaper is at work")
    yield "reaper", _dated(alarm, scene.watch.at_ms)


def _failed(workers: Iterable[WorkerStatus]) -> Iterator[tuple[str, Alarm]]:
    rooms: dict[tuple[WorkerKind, str], list[WorkerStatus]] = defaultdict(list)
    for each in workers:
        if each.state == "failed":
            rooms[each.kind, each.environment if each.kind is WorkerKind.LEAN else ""].append(each)
    for (kind, environment), failed in sorted(rooms.items()):
        yield f"failed {kind} {environment}".rstrip(), _cannot_work(kind, environment, failed)


def _cannot_work(kind: WorkerKind, environment: str, failed: Sequence[WorkerStatus]) -> Alarm:
    who = _many(len(failed), f"{kind.name.title()} process", f"{kind.name.title()} processes")
    whose = f" of environment {environment}" if environment else ""
    first, *more = sorted({each.host for each in failed})
    where = f"{first} and {_many(len(more), 'other host')}" if more else first
    # The other processes may give other reasons. The table of workers shows the notice of each process.
    why = next((each.notice for each in failed if each.notice), "it does not say why").splitlines()[0]
    text = f"{who}{whose} on {where} cannot work: {why[:_MOST_CHARS].rstrip('. ')}"
    doctor = "run `farm doctor` there" if kind is WorkerKind.LEAN else "read the worker's log"
    action = f"Correct what the worker names ({doctor} for more), then restart it; until then its state is `failed`"
    title = f"{_many(len(failed), 'worker')} failed: {environment or kind} on {where}"
    see = _see_workers(state="failed", kind=kind, **({"environment": environment} if environment else {}))
    return Alarm(kind=AlarmKind.FAILED, text=text, action=action, see=see, title=title)


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def _see_workers(*, kind: str = WorkerKind.LEAN, **marked: str) -> str:
    """Return the address at which the console's table of workers marks the workers that have the given values."""
    return f"#/workers?{urlencode({'kind': kind, **marked})}"


def _deaf(scene: Scene) -> Iterator[tuple[str, Alarm]]:
    suspected = set(scene.watch.deaf) if scene.watch else set()
    still = [each for each in scene.workers if each.id in suspected and each.state == "idle"]
    hosts = Counter(each.host for each in still if each.environment in scene.claimable)
    for host, count in sorted(hosts.items()):
        who = _many(count, "Lean process", "Lean processes")
        text = f"{who} on {host} did nothing for a minute although proofs wait"
        action = "Read the log of the Lean worker there, and restart the worker; its proofs are kept"
        see = _see_workers(state="idle", host=host)
        title = f"{who} on {host} idle while proofs wait"
        yield f"deaf {host}", Alarm(kind=AlarmKind.DEAF, text=text, action=action, see=see, title=title)


def _misread(batches: Sequence[Misread]) -> Iterator[tuple[str, Alarm]]:
    if not batches:
        return
    first, more = batches[0], len(batches) - 1
    others = f", and those in {_many(more, 'other batch', 'other batches')}" if more else ""
    proofs = _many(first.proofs, "proof")
    text = f"Lean cannot read the statements of {proofs} in batch {first.title} of key {first.owner}{others}"
    yield (
        f"invalid_statements {first.batch}",
        Alarm(
            kind=AlarmKind.INVALID_STATEMENTS,
            text=text,
            action="Correct these statements; the verdicts say what Lean objects to, and nothing about the proofs",
            see=f"#/batches/{quote(first.batch, safe='')}?show=invalid_statement",
            title=f"{_many(first.proofs, 'unreadable statement')} in {first.title}",
        ),
    )
