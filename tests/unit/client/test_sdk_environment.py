"""`Farm()` finds the farm that the command line finds from the same folder, without the command line's packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from farm import Farm
from farm.client.endpoint import FarmEndpoint
from farm.client.environment import variables
from farm.errors import ConfigurationError
from farm.settings import load


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("file", "environment"),
    [
        ("FARM_URL=http://lab.example:9000/farm/\nFARM_API_KEY=k\n", {}),
        ("PORT=8123\n", {}),
        ("PORT=8123\n", {"PORT": "8124"}),
        ("FARM_URL=http://a\nFARM_API_KEY=of-the-file\n", {"FARM_URL": "http://b", "FARM_API_KEY": ""}),
        ("FARM_URL=\nPORT=8125 # of the lab\n", {"FARM_URL": ""}),
        ("export FARM_URL = 'http://a' # there\n", {}),
        ('HOST=lab.example\nFARM_URL="http://${HOST}:${FARM:-81}"\r\nFARM_API_KEY=a#b\n', {}),
        ("\ufefffarm_url=http://a\nFARM_API_KEY=' k '\nNOTE='\nFARM_URL=http://b\n'\n", {}),
        ("no binding\n= none\nFARM_URL='http://a' b\nPORT=8126\nPORT=8127\n", {}),
        ("#FARM_URL=http://a\n  # PORT=1\nPORT =8128\n", {}),
    ],
)
def test_it_is_the_one_that_the_command_line_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, environment: dict[str, str]
) -> None:
    (tmp_path / ".env").write_text(file, encoding="utf-8", newline="")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    found, wanted = FarmEndpoint.resolve(None, None), load()

    assert str(found) == wanted.url
    assert found.headers.get("Authorization", "Bearer ") == f"Bearer {wanted.farm_api_key.strip()}"
    with Farm("http://127.0.0.1:1", api_key="") as other:
        assert other.base_url == "http://127.0.0.1:1", "what is passed wins"


_NAMES = ["FARM_URL", "PORT", "X", "É"]
_PLAIN = st.text("ab01 \\#${}:-=\té", max_size=12)
_QUOTED = st.text('ab01 \\"#${}:-=\n\té', max_size=12).map(lambda text: text.replace("\\", "\\\\"))
_LINES = st.one_of(
    st.tuples(st.sampled_from(_NAMES), st.sampled_from(["=", " = "]), _PLAIN).map("".join),
    st.tuples(st.sampled_from(_NAMES), _QUOTED, _PLAIN).map(lambda of: f"{of[0]} = '{of[1]}' # {of[2]}"),
    st.tuples(st.sampled_from(_NAMES), _QUOTED.map(lambda text: text.replace('"', '\\"'))).map(
        'export {0[0]}="{0[1]}"'.format
    ),
    _PLAIN.map("# {}".format),
    _PLAIN,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=5).map("\n".join))
def test_a_file_says_what_python_dotenv_says(text: str) -> None:
    Path(".env").write_text(text, encoding="utf-8")

    theirs = {name: value for name, value in dotenv_values(".env", encoding="utf-8").items() if name in _NAMES}
    ours = variables()

    assert {name: ours.get(name) for name in theirs} == {name: value or None for name, value in theirs.items()}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / ".env").write_text("PORT=1 # für uns\n", encoding=encoding)

    with pytest.raises(ConfigurationError, match=r"\.env cannot be read: it is not UTF-8"):
        Farm()


@pytest.mark.parametrize("port", ["70000", "-1", "x", "8000/a"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)

    with pytest.raises(ConfigurationError, match="PORT must be a number"):
        Farm()


def test_the_sdk_needs_no_package_for_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8123\n")
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dotenv", "pydantic_settings"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
from farm import Farm
print(Farm().base_url)
"""
    environment = {name: value for name, value in os.environ.items() if name not in {"FARM_URL", "PORT"}}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert run.stdout == "http://127.0.0.1:8123\n"
