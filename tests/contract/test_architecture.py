"""docs/architecture.md draws the paths of a proof and of a premise query: all names in it exist, and both are short."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGES = ("api", "farm", "workers")
NAMED = sorted(set(re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`", PAGE)))
WHERE = PAGE.partition("If you want to add\n")[2].partition("\n## ")[0]


def part(section: str) -> str:
    """Return the text of a section."""
    return PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]


def hops(section: str) -> list[str]:
    """Return the functions that a section numbers, in their order."""
    numbered = re.findall(r"^(\d+)\. `([\w.]+)`", part(section), re.MULTILINE)
    assert [int(number) for number, _ in numbered] == list(range(1, len(numbered) + 1))
    return [name for _, name in numbered]


def found(name: str) -> Any:
    """Return what a qualified name such as `api.streams.follow` names."""
    parts = name.split(".")
    at = next(at for at in range(len(parts), 0, -1) if (ROOT / Path(*parts[:at])).with_suffix(".py").exists())
    value: Any = import_module(".".join(parts[:at]))
    for part in parts[at:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_exists_where_it_says(name: str) -> None:
    value = found(name)

    assert callable(value)
    assert name.startswith(f"{value.__module__}.{value.__qualname__.partition('.')[0]}")


@pytest.mark.parametrize(
    ("section", "most_hops", "most_files"), [("The path of a proof", 22, 18), ("The path of a premise query", 15, 15)]
)
def test_a_way_is_short_enough_to_follow(section: str, most_hops: int, most_files: int) -> None:
    way = hops(section)

    assert 5 < len(way) <= most_hops
    assert len({inspect.getsourcefile(found(name)) for name in way}) <= most_files


@pytest.mark.parametrize("section", ["The path of a proof", "The path of a premise query"])
def test_each_hop_is_called_from_a_file_before_it(section: str) -> None:
    """A private one is called by the library whose method it is."""
    lines = re.findall(r"^\d+\. .*", part(section), re.MULTILINE)
    sources = [
        {
            Path(inspect.getfile(found(name))).read_text()
            for name in re.findall(r"`((?:api|farm|workers)\.[\w.]+)`", line)
        }
        for line in lines
    ]

    for at, name in enumerate(hops(section)[1:], 1):
        function = name.rpartition(".")[2]
        before = "".join(set().union(*sources[: at + 1]))
        assert function.startswith("_") or re.search(rf"\.{function}\b|(?<!def )\b{function}\(", before), name


def test_a_way_begins_with_its_route_and_ends_where_the_client_reads() -> None:
    proof, query = hops("The path of a proof"), hops("The path of a premise query")

    assert (proof[0], proof[-2]) == ("api.routes.batches.submit", "api.streams.follow")
    assert (query[0], query[-1]) == ("api.routes.premises.retrieve", "api.replies.wait_reply")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:api|farm|workers)/[\w./]+)`", PAGE))))
def test_every_file_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "name"), re.findall(r"`([\w./]+\.(?:py|lua))` \(`(\w+)`", WHERE))
def test_what_is_added_to_is_in_its_file(path: str, name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / path).read_text())
