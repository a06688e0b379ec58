"""The settings in code, in the tracked .env and in README are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ConfigurationError
from farm.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]


def shown(value: Any) -> str:
    """Return a default as an environment variable holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


DEFAULTS = {name.upper(): shown(field.default) for name, field in Settings.model_fields.items()}


def test_the_tracked_env_file_has_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env").read_text().splitlines()
    pairs: list[list[str]] = [line.split("=", 1) for line in lines if line and not line.startswith("#")]

    assert len(pairs) == len({name for name, _ in pairs}), "a setting stands twice"
    assert dict(pairs) == DEFAULTS


def test_readme_documents_every_setting() -> None:
    rows = re.findall(r"^\| `([A-Z_0-9]+)` \| (.*?) \| (.+?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert {name: default.strip("`") for name, default, _ in rows} == DEFAULTS
    for name, _, text in rows:
        assert text == Settings.model_fields[name.lower()].description, name


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1111\nMAX_K=7\nREDIS_URL=\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "2222")

    settings = load()

    assert (settings.port, settings.max_k, settings.redis_url) == (2222, 7, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "x"), ("PORT", "70000"), ("LEAN_TIMEOUT_S", "0"), ("LEAN_TIMEOUT_S", "inf"), ("GATE", "lax")],
)
def test_a_wrong_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        load()


def test_secrets_stay_out_of_reprs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_API_KEY", "hush")
    monkeypatch.setenv("REDIS_URL", "redis://:hush@host")

    assert "hush" not in repr(load())
