"""Each Redis key that Lua or Python names is in `farm/store/keys.md`, and each that is there is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "farm/store"
KEYS = re.findall(r"^\| `(farm:[A-Za-z:]+)` \|", (STORE / "keys.md").read_text(), re.MULTILINE)
# A key with its names left out: `farm:pending:LANE:B` is `farm:pending:*:*`.
SHAPES = {re.sub(r"[A-Z]+", "*", key) for key in KEYS}
PYTHON = sorted(path for package in ("farm", "workers", "api") for path in (ROOT / package).rglob("*.py"))
LUA = sorted((STORE / "lua").glob("*.lua"))


def in_python(path: Path) -> Iterator[str]:
    """The keys of a module, with `*` for what is filled in."""
    tree = ast.parse(path.read_text())
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and node not in parts:
            text = node.value if isinstance(node.value, str) else f"{node.value.decode(errors='replace')}*"
        else:
            continue
        if re.match("farm:[a-z]", text):
            yield text


def in_lua(path: Path) -> Iterator[str]:
    """The keys of a script, with `*` for what is joined to a text: `'farm:leases:' .. env .. ':' .. class`."""
    code = re.sub(r"--.*", "", path.read_text())
    operand = r"(?:'[^']*'|[a-z_][\w.]*(?:\[[^\]]*\])?(?:\([^()]*\))?)"
    for found in re.findall(rf"'farm:[^']*'(?:\s*\.\.\s*{operand})*", code):
        parts = re.findall(rf"{operand}", found)
        yield "".join(part[1:-1] if part.startswith("'") else "*" for part in parts)


def is_known(key: str) -> bool:
    """Whether a key is on the page; one that ends with `:` is the start of some there."""
    return key in SHAPES or (key.endswith(":") and any(shape.startswith(f"{key}*") for shape in SHAPES))


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.stem)
def test_each_key_of_a_script_is_on_the_page(path: Path) -> None:
    assert [key for key in in_lua(path) if not is_known(key)] == []


def test_each_key_of_python_is_on_the_page() -> None:
    found = [(path.relative_to(ROOT), key) for path in PYTHON for key in in_python(path)]

    assert len(found) > 50
    assert [(path, key) for path, key in found if not is_known(key)] == []


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.stem)
def test_each_part_of_a_batch_or_lease_is_on_the_page(path: Path) -> None:
    """`b .. ':items'` belongs to a key that another line begins."""
    parts = re.findall(r"\b(?:b|key) \.\. '(:[a-z]+)'", path.read_text())

    assert {part for part in parts if not any(shape.endswith(f"*{part}") for shape in SHAPES)} == set()


def test_each_key_on_the_page_is_used() -> None:
    named = {key for path in LUA for key in in_lua(path)} | {key for path in PYTHON for key in in_python(path)}
    lua = "".join(path.read_text() for path in LUA)
    begun = {shape for shape in SHAPES if any(key.endswith(":") and shape.startswith(f"{key}*") for key in named)}
    parts = {shape for shape in SHAPES if re.search(r"\*:[a-z]+$", shape) and f"{shape.rpartition(':')[2]}'" in lua}

    assert SHAPES - named - begun - parts == set()


def test_the_page_names_each_key_once() -> None:
    assert len(KEYS) > 50
    assert len(SHAPES) == len(KEYS)
