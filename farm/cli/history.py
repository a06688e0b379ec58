"""`farm history`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import typer

from farm.cli.output import JsonOption, connect, console, show_json, show_table, show_text
from farm.models import History, Minute, Outcome, Reason

_MOST_MINUTES = 1440
_BARS = "▁▂▃▄▅▆▇█"
_UNKNOWN, _NONE = "·", " "
_WIDEST = 60
_MOST_GAPS = 5
# How many characters of a terminal's width the columns beside the sparklines take.
_BESIDE = 52


@dataclass(frozen=True, slots=True)
class _Row:
    """A figure that the history shows for each minute, such as the number of proofs that were waiting.

    Attributes:
        of: the function that returns a minute's figure; None if the minute has none.
        write: the function that returns a figure as text.
    """

    name: str
    of: Callable[[Minute], float | None]
    write: Callable[[float], str] = "{:.0f}".format


def _of_outcome(outcome: Outcome) -> Callable[[Minute], float]:
    kinds = {reason.value for reason in Reason if reason.outcome is outcome} | {outcome.value}
    return lambda minute: sum(by for kind, by in minute.verdicts.items() if kind in kinds)


def _memory(mb: float) -> str:
    return f"{mb:.0f} MB" if mb < 10_000 else f"{mb / 1024:.0f} GB"


_SECONDS = "{:.2f} s".format
_ROWS = (
    *(_Row(outcome.value, _of_outcome(outcome)) for outcome in Outcome),
    _Row("waiting", lambda minute: minute.pending),
    _Row("running", lambda minute: minute.leased),
    _Row("waited, half", lambda minute: minute.queue_p50_s, _SECONDS),
    _Row("waited, 95 %", lambda minute: minute.queue_p95_s, _SECONDS),
    _Row("ran, half", lambda minute: minute.run_p50_s, _SECONDS),
    _Row("ran, 95 %", lambda minute: minute.run_p95_s, _SECONDS),
    _Row("premise queries", lambda minute: minute.retrievals),
    _Row("processes", lambda minute: sum(minute.processes.values())),
    _Row("REPL restarts", lambda minute: sum(minute.restarts.values())),
    _Row("memory", lambda minute: minute.memory_mb, _memory),
)


def history(
    minutes: Annotated[
        int, typer.Option("--minutes", "-m", min=1, max=_MOST_MINUTES, help="How many of the last minutes.")
    ] = 60,
    as_json: JsonOption = False,
) -> None:
    """Show the last minutes of the farm, what happened in them, and what needs attention: `farm history --minutes 360`.

    A terminal shows each figure's last, lowest and highest value, and a line of small bars. In this line, `·` stands
    for minutes of which nothing is known, and a space for minutes in which no proof waited or ran. A pipe gets one row
    for each minute; its cells are empty where the terminal would show `·` or a space.
    """
    with connect() as farm:
        found = farm.history(minutes)
    if as_json:
        show_json(found.model_dump(mode="json"))
    elif console.is_terminal:
        _show_courses(found)
    else:
        _show_minutes(found)


def _show_minutes(found: History) -> None:
    rows = []
    for number, minute in enumerate(found.minutes):
        values = [row.of(minute) if minute else None for row in _ROWS]
        cells = ["" if value is None else f"{value:.6g}" for value in values]
        rows.append([_time(found.start + 60 * number), *cells])
    show_table(("minute", *(row.name for row in _ROWS)), rows)


def _show_courses(found: History) -> None:
    width = max(8, min(_WIDEST, len(found.minutes), console.width - _BESIDE))
    rows = []
    for row in _ROWS:
        values = [row.of(minute) if minute else None for minute in found.minutes]
        known = [value for value in values if value is not None]
        ends = [row.write(value) for value in (known[-1], min(known), max(known))] if known else [""] * 3
        course = sparkline(values, [minute is not None for minute in found.minutes], width)
        rows.append([row.name, *ends, course])
    show_table(("figure", "last", "lowest", "highest", "course"), rows)
    _tell_rest(found)


def _tell_rest(found: History) -> None:
    missing = sum(minute is None for minute in found.minutes)
    if missing:
        gaps = ", ".join(_gaps(found))
        show_text(f"{_UNKNOWN} nothing is known of {missing} of {len(found.minutes)} minutes: {gaps}")
    for event in found.events:
        show_text(f"{_time(event.at)}  {event.text}")
    for alarm in found.alarms:
        since = f", since {_time(alarm.since)}" if alarm.since else ""
        show_text(f"ALARM  {alarm.text}{since}. What to do: {alarm.action}")


def _gaps(found: History) -> Iterator[str]:
    """Yield the last few stretches of unknown minutes in words, the latest first; then say how many precede them."""
    numbers = [number for number, minute in enumerate(found.minutes) if minute is None]
    # Within a stretch, the difference between a minute's number and its place in the list stays the same.
    groups = groupby(enumerate(numbers), lambda each: each[1] - each[0])
    stretches = [[number for _, number in group] for _, group in groups]
    for stretch in stretches[: -_MOST_GAPS - 1 : -1]:
        start, end = (_time(found.start + 60 * number) for number in (stretch[0], stretch[-1] + 1))
        yield f"{start} to {end[-5:]}"
    if len(stretches) > _MOST_GAPS:
        yield f"and {len(stretches) - _MOST_GAPS} earlier stretches"


def _time(unix_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))


def sparkline(values: Sequence[float | None], is_known: Sequence[bool], width: int) -> str:
    """Return a line of bars that shows the course of the values.

    If there are more minutes than characters, a character stands for several minutes and shows their highest value.

    Args:
        values: the value of each minute; None for a minute without a value.
        is_known: for each minute, whether anything is known of it.
        width: the most characters to return.
    """
    step = max(1, math.ceil(len(values) / width))
    most = max((value for value in values if value is not None), default=0)
    places = range(0, len(values), step)
    return "".join(_bar(values[at : at + step], any(is_known[at : at + step]), most) for at in places)


def _bar(values: Sequence[float | None], is_known: bool, most: float) -> str:
    tops = [value for value in values if value is not None]
    if not tops:
        return _NONE if is_known else _UNKNOWN
    # The lowest bar stands for zero only.
    return _BARS[math.ceil(max(tops) / most * (len(_BARS) - 1))] if most else _BARS[0]
