"""The libraries, as far as no network is needed: ranges, reasons, licences. pip-audit checks for known holes."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Licences under which the farm may be handed on; MPL-2.0 and LGPL for libraries that are used as they are.
ALLOWED = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|0BSD|Unlicense|CC0|Zlib)\b", re.I
)
STUBS = re.compile("types-")


def direct() -> list[Requirement]:
    """Return what pyproject.toml asks for, without the project's own extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in PROJECT["optional-dependencies"].values() for text in extra)]
    return [each for each in map(Requirement, texts) if each.name != PROJECT["name"]]


def installed() -> set[str]:
    """Return every distribution that the direct ones bring here."""
    found: set[str] = set()
    todo = [(each.name, frozenset(each.extras)) for each in direct()]
    while todo:
        name, extras = todo.pop()
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # an extra that this machine does without
        if name.lower() in found and not extras:
            continue
        found.add(name.lower())
        for need in map(Requirement, needs):
            wanted = need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if wanted and need.name.lower() not in found:
                todo.append((need.name, frozenset(need.extras)))
    return found


def licence(name: str) -> str:
    """Return what a distribution says its licence is."""
    metadata = distribution(name).metadata.json
    classifiers = [text for text in metadata.get("classifier", []) if text.startswith("License ::")]
    return " ".join([str(metadata.get("license_expression", "")), str(metadata.get("license", ""))[:200], *classifiers])


def test_every_library_has_a_range_with_an_end() -> None:
    open_ended = [
        str(each) for each in direct() if not STUBS.match(each.name) and not re.search("<|==", str(each.specifier))
    ]

    assert open_ended == []


def test_every_library_has_a_reason_and_a_licence_in_the_docs() -> None:
    rows = (ROOT / "docs" / "dependencies.md").read_text().lower()

    missing = [each.name for each in direct() if each.name.lower() not in rows and not STUBS.match(each.name)]
    assert missing == []


def test_everything_that_is_installed_may_be_handed_on() -> None:
    names = installed()

    assert len(names) > 40, "the walk over what is installed found next to nothing"
    refused = {name: licence(name) for name in names if not ALLOWED.search(licence(name))}
    assert refused == {}
