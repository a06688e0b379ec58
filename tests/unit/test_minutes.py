"""What a minute is made of: the difference of two looks at the store."""

from __future__ import annotations

from typing import Any

import pytest

from farm.alarms import Misread, Scene, Watch, alarms
from farm.history import (
    MOST_HOSTS,
    Look,
    SeenWorker,
    comings_and_goings,
    deaf_workers,
    hosts_between,
    minute_between,
    quantile,
    wanted,
)
from farm.models import AlarmKind, Environment, HostMinute, WorkerKind, WorkerStatus

START_MS = 600 * 60_000


def seen(host: str = "a", kind: str = "lean", **more: Any) -> SeenWorker:
    given = {"environment": "default", "state": "idle", "proofs": 0, "restarts": 0, "memory_mb": 0.0}
    return SeenWorker(kind=kind, host=host, **{**given, **more})


def look(after_s: float = 0, **more: Any) -> Look:
    """A look so many seconds after the beginning of minute 600."""
    return Look(at_ms=START_MS + int(after_s * 1000), **more)


def test_counts_of_a_minute_are_what_they_grew_by() -> None:
    before = look(
        0.5, totals={"accepted:": 10, "rejected:error": 4}, figures={"repl_starts:died": 2, "queue_seconds::30": 4}
    )
    waits = {"queue_seconds::30": 9, "queue_seconds::+Inf": 1, "queue_seconds::sum_us": 90_000_000}
    now = look(
        60.5,
        totals={"accepted:": 25, "rejected:error": 4, "undecided:timeout": 1, "answered:": 3, "answered:timeout": 1},
        figures={"repl_starts:died": 5, "repl_starts:first": 8, "http_seconds:POST /retrieve 2xx:0.05": 7} | waits,
        pending=9,
        leased=2,
        workers={"1": seen(memory_mb=100.25), "2": seen(kind="embed", memory_mb=50, state="failed")},
    )

    minute = minute_between(before, now)

    assert minute is not None
    assert (minute.at, minute.seconds) == (600 * 60, 60.0)
    assert minute.verdicts == {"accepted": 15, "timeout": 1, "answered": 4}, "what did not grow is left out"
    assert minute.restarts == {"died": 3}, "the first start of a REPL is no restart"
    assert (minute.pending, minute.leased, minute.retrievals) == (9, 2, 7)
    assert (minute.processes, minute.memory_mb) == ({"lean": 1, "embed": 1}, 150.2)
    assert minute.failed == {"embed": 1}, "alive, but no help"
    assert minute.queue_counts == {"30": 5, "+Inf": 1}, "what a bound counts lies above the bound before"
    assert minute.run_counts == {}
    assert minute.run_p50_s is None, "nothing ran: that is not a run of 0 s"


@pytest.mark.parametrize("after_s", [30, 120, 6000, -60])
def test_a_minute_is_unknown_unless_a_look_was_made_in_the_one_before(after_s: float) -> None:
    assert minute_between(look(), look(after_s)) is None
    assert minute_between(None, look(after_s)) is None


def test_the_first_minute_covers_what_it_covers() -> None:
    minute = minute_between(look(37), look(60.1, totals={"accepted:": 4}))

    assert minute is not None
    assert minute.seconds == 23.1


def test_a_store_that_has_lost_its_counts_makes_no_minute() -> None:
    assert minute_between(look(totals={"accepted:": 9}), look(60, totals={"accepted:": 2})) is None
    assert minute_between(look(figures={"repl_starts:died": 1}), look(60)) is None


def test_quantiles_are_read_off_the_bucket_they_fall_into() -> None:
    counts = [0] * 12
    assert quantile(counts, 0.5) is None
    counts[4], counts[5] = 90, 10  # 0.5 to 1 s, 1 to 2 s

    assert quantile(counts, 0.5) == pytest.approx(0.5 + 0.5 * 50 / 90, abs=1e-4)
    assert quantile(counts, 0.95) == 1.5
    assert quantile([0] * 11 + [3], 0.95) == 300, "above the last bound nothing more is known"


def test_a_look_keeps_only_the_figures_that_a_minute_shows() -> None:
    kept = ["run_seconds::0.5", "queue_seconds::sum_us", "repl_starts:died", "http_seconds:POST /v1/retrieve 2xx:1"]
    left = ["http_seconds:GET /v1/batches 2xx:1", "header_hits:", "retrieval_seconds:embed:1"]

    assert list(wanted(dict.fromkeys([*kept, *left], 1))) == kept


def test_hosts_have_what_their_processes_did() -> None:
    before = look(workers={"1": seen(proofs=10, restarts=1), "gone": seen("b", proofs=5)})
    now = look(60, workers={"1": seen(proofs=14, restarts=2, state="busy"), "2": seen(proofs=3, state="failed")})

    assert hosts_between(before, now) == {"a": HostMinute(processes=2, busy=1, failed=1, proofs=7, restarts=1)}


def test_no_more_hosts_are_kept_than_the_bound() -> None:
    many = {str(number): seen(f"host{number:05}") for number in range(MOST_HOSTS + 50)}

    assert list(hosts_between(look(), look(60, workers=many))) == [f"host{number:05}" for number in range(MOST_HOSTS)]


def test_processes_that_came_and_went_are_told_by_host() -> None:
    before = look(workers={"1": seen(), "2": seen(), "3": seen("b"), "kept": seen("c")})
    now = look(60, workers={"4": seen(), "5": seen("d", kind="embed"), "kept": seen("c")})

    assert [event.text for event in comings_and_goings(before, now)] == [
        "1 embed process started on d",
        "1 lean process restarted and 1 lean process stopped on a",
        "1 lean process stopped on b",
    ]
    assert list(comings_and_goings(None, now)) == [], "of a new farm nothing is known before"


def test_a_process_that_rests_while_work_waits_is_deaf() -> None:
    waits: dict[str, Any] = {"claimable": ["default"]}
    two = {"1": seen(), "2": seen(proofs=3)}

    assert deaf_workers(look(workers=two, **waits), look(60, workers={**two, "2": seen(proofs=4)}, **waits)) == ["1"]
    assert deaf_workers(look(workers=two), look(60, workers=two, **waits)) == [], "work has only just come"
    assert deaf_workers(look(workers=two, **waits), look(60, workers=two)) == [], "nothing waits any more"
    assert deaf_workers(None, look(60, workers=two, **waits)) == []


def test_the_process_that_is_free_for_interactive_work_is_not_deaf() -> None:
    four = {str(number): seen(state="busy") for number in range(3)} | {"free": seen()}
    waits: dict[str, Any] = {"claimable": ["default"], "workers": four}

    assert deaf_workers(look(**waits), look(60, **waits)) == []


def worker(worker_id: str, **more: Any) -> WorkerStatus:
    given = {"host": "a", "pid": 1, "state": "idle"}
    return WorkerStatus(id=worker_id, kind=WorkerKind.LEAN, **{**given, **more})


def test_each_alarm_says_what_to_do_and_since_when() -> None:
    unsound = worker("1", serves=Environment(lean_version="v4.29.0"))
    scene = Scene(
        now_ms=START_MS,
        workers=[unsound, worker("2", serves=Environment(lean_version="v4.34.0"))],
        claimable=["default"],
        paused={"alice": "b1"},
        misread=[Misread("b2", "bob", "night run", 12), Misread("b3", "bob", "b3", 1)],
        watch=Watch(at_ms=START_MS - 600_000, deaf=["2"], since_ms={"canary alice": 5000}),
    )

    found = {alarm.kind: alarm for alarm in alarms(scene).values()}

    assert list(found) == [
        AlarmKind.CANARY,
        AlarmKind.UNSOUND,
        AlarmKind.REAPER,
        AlarmKind.DEAF,
        AlarmKind.INVALID_STATEMENTS,
    ]
    assert all(alarm.action and alarm.see.startswith("#/") for alarm in found.values())
    assert [alarm.title for alarm in found.values()] == [
        "False proof accepted: key alice paused",
        "Lean v4.29.0 is unsound (7 reports)",
        "No reaper is at work",
        "1 Lean process on a idle while proofs wait",
        "12 unreadable statements in night run",
    ]
    assert found[AlarmKind.CANARY].since == 5.0
    assert "farm resume alice" in found[AlarmKind.CANARY].action
    assert "v4.34.0 or later" in found[AlarmKind.UNSOUND].action
    assert found[AlarmKind.REAPER].since == (START_MS - 600_000) / 1000
    assert found[AlarmKind.INVALID_STATEMENTS].see == "#/batches/b2?show=invalid_statement"
    assert "12 proofs in batch night run of key bob, and those in 1 other batch" in (
        found[AlarmKind.INVALID_STATEMENTS].text
    )


def test_processes_that_cannot_work_are_one_alarm_for_each_environment() -> None:
    failed = {"state": "failed", "environment": "nightly", "notice": "There is no REPL here.\nSearched: /opt"}
    workers = [worker(str(at), host=host, **failed) for at, host in enumerate(["b", "a", "a"])]
    embed = WorkerStatus(id="e", kind=WorkerKind.EMBED, host="a", pid=1, state="failed", notice="No model")

    found = alarms(Scene(START_MS, [*workers, embed, worker("works")], []))

    assert [alarm.kind for alarm in found.values()] == [AlarmKind.FAILED, AlarmKind.FAILED]
    assert [alarm.name for alarm in found.values()] == list(found)
    assert found["failed embed"].text == "1 Embed process on a cannot work: No model"
    alarm = found["failed lean nightly"]
    assert alarm.text == (
        "3 Lean processes of environment nightly on a and 1 other host cannot work: There is no REPL here"
    )
    assert "farm doctor" in alarm.action
    assert alarm.see == "#/workers?kind=lean&state=failed&environment=nightly"
    assert alarm.title == "3 workers failed: nightly on a and 1 other host"
    assert found["failed embed"].title == "1 worker failed: embed on a"


def test_a_farm_at_peace_has_no_alarm() -> None:
    watch = Watch(at_ms=START_MS - 60_000, deaf=["1"])
    busy = WorkerStatus(id="1", kind=WorkerKind.LEAN, host="a", pid=1, state="busy")

    assert alarms(Scene(START_MS, [busy], ["default"], watch=watch)) == {}, "a process that works again is not deaf"
    assert alarms(Scene(START_MS, [worker("1")], [], watch=watch)) == {}, "nothing waits any more"
    assert alarms(Scene(START_MS, [], [])) == {}, "a farm that has just begun"
