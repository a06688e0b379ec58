"""The console's files: they use the API's words, and load nothing from elsewhere."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from farm.models import Reason
from tests.support.running import RunningFarm

CONSOLE = Path(__file__).resolve().parents[2] / "api" / "console"
ASSETS = sorted(path for path in (CONSOLE / "assets").rglob("*") if path.is_file())
FILES = [CONSOLE / "page.html", *ASSETS]
LIBRARIES = CONSOLE / "libraries"


def test_every_reason_has_its_words_and_its_outcome() -> None:
    words = (CONSOLE / "assets" / "words.js").read_text()

    told = dict(re.findall(r'^  (\w+): \["(rejected|undecided)", ', words, re.MULTILINE))
    assert told == {reason.value: reason.outcome.value for reason in Reason}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere_or_parsed_as_markup(path: Path) -> None:
    # A vendored library begins with its licences.
    text = re.sub(r"\A/\*!.*?\*/", "", path.read_text(), flags=re.DOTALL)

    assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}, "the name of SVG"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    # The key of a farm stays in its tab; what was tried stays in the browser, and which alarms are folded.
    assert "localStorage" not in text or path.name in ("tries.js", "alarms.js")


def test_the_examples_are_those_of_the_docs() -> None:
    text = (CONSOLE / "assets" / "examples.js").read_text()

    examples = [
        path for path in (CONSOLE.parents[1] / "docs" / "examples").glob("*.lean") if path.stem != "accepted_too"
    ]
    assert [path.name for path in examples if path.read_text() not in text] == []


def test_the_vendored_library_is_what_its_lock_pins() -> None:
    lock = json.loads((LIBRARIES / "package-lock.json").read_text())["packages"]
    head, _, script = (CONSOLE / "assets" / "vendor" / "shiki-lean.js").read_text().partition("*/\n")
    sources = sha256(b"".join(path.read_bytes() for path in sorted(LIBRARIES.iterdir()))).hexdigest()
    named = dict(re.findall(r"^(@shikijs/\S+) (\S+)$", head, re.MULTILINE))

    assert f"Sources: sha256 {sources}" in head, "something in api/console/libraries has changed: make console-vendor"
    assert named == {name: lock[f"node_modules/{name}"]["version"] for name in named}
    assert {"@shikijs/primitive", "@shikijs/engine-javascript", "@shikijs/langs-precompiled"} <= set(named)
    assert "Permission is hereby granted" in head
    assert "Anthony Fu" in head
    assert "Apache License" in head
    assert len(script) < 100_000, "it is loaded by everyone who opens a proof"


def test_the_page_is_open_and_may_do_next_to_nothing(farm: RunningFarm) -> None:
    page = httpx.get(f"{farm.url}/console")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_every_asset_is_served_as_what_it_is(farm: RunningFarm, path: Path) -> None:
    answer = httpx.get(f"{farm.url}/console/{path.relative_to(CONSOLE)}")

    assert answer.status_code == 200
    assert (
        answer.headers["Content-Type"].partition(";")[0]
        in {".js": ("text/javascript",), ".css": ("text/css",)}[path.suffix]
    )
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors 'none'")


@pytest.mark.parametrize("name", ["nothing.js", "../page.html", "%2e%2e/page.html", "%2e%2e/%2e%2e/app.py"])
def test_nothing_else_is_served(farm: RunningFarm, name: str) -> None:
    assert httpx.get(f"{farm.url}/console/assets/{name}").status_code == 404
