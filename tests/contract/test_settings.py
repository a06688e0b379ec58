"""The settings in code, in the tracked .env and in docs/settings.md are the same."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ConfigurationError
from farm.settings import Settings, load, nearest_setting

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"


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


def test_the_page_documents_every_setting() -> None:
    rows = re.findall(r"^\| `([A-Z_0-9]+)` \| (.*?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)

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
    [
        *[("PORT", "x"), ("PORT", "70000"), ("PORT", "-1"), ("LEAN_TIMEOUT_S", "0"), ("LEAN_TIMEOUT_S", "inf")],
        *[("LEAN_TIMEOUT_S", "1e300"), ("GATE", "lax"), ("LEAN_PARALLEL", "maybe"), ("LEAN_WORKERS", "-1")],
        *[("LEAN_WORKERS", "1000000"), ("LEAN_MEMORY_LIMIT_MB", "9" * 20), ("VERDICT_CACHE_MB", "9" * 20)],
        *[("REDIS_URL", "nonsense"), ("REDIS_URL", "amqp://host"), ("REDIS_URL", "redis://host:x/0")],
        *[("REDIS_URL", "redis+sentinel://host:1"), ("BROKER_URL", "nonsense"), ("BROKER_URL", "amqp://host:x")],
        *[("REDIS_URL", "unix:///run/redis.sock"), ("BROKER_URL", "unix:///run/redis.sock")],
        *[("FARM_URL", "127.0.0.1:8000"), ("FARM_URL", "http://"), ("FARM_URL", "http://host:70000")],
        *[("EMBED_SERVICE_URL", "http://tei tei-1:80"), ("CHECKER_COMMAND", "lean4checker 'a b")],
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("REDIS_URL", "rediss://:secret@host"),
            ("FARM_URL", "https://a/b/"),
        ],
        *[("BROKER_URL", "amqps://farm:secret@host:5671/farm"), ("EMBED_SERVICE_URL", "http://tei, http://tei-1:80/")],
        *[("REDIS_URL", "redis+sentinel://a:1,b:2/0?service=farm"), ("CHECKER_COMMAND", "lean4checker 'a b'")],
    ],
)
def test_a_right_value_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    assert getattr(load(), name.lower()) == value.rstrip("/")


@pytest.mark.parametrize(
    "settings",
    [
        {"LEAN_TIMEOUT_S": "1000"},
        {"MAX_TIMEOUT_S": "30"},
        {"LEAN_MEMORY_HARD_LIMIT_MB": "4096"},
        {"LEAN_MEMORY_HARD_LIMIT_MB": "16384", "LEAN_MEMORY_LIMIT_MB": "16385"},
        {"CHECKER_SHARE": "0.1"},
        {"DATA_REVISION": "v1"},
        {"MODEL_REVISION": "v1"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refused:
        load()

    assert all(name in refused.value.message for name in settings)


def test_the_errors_of_settings_tell_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "BROKER_URL", "FARM_URL", "EMBED_SERVICE_URL"):
        monkeypatch.setenv(name, "mysql://me:hush@host:x/hush")
        with pytest.raises(ConfigurationError) as refused:
            load()
        assert "hush" not in refused.value.message
        monkeypatch.delenv(name)


def test_a_file_is_read_with_a_byte_order_mark_and_in_no_other_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    (tmp_path / ".env").write_text("PORT=1234\n", encoding="utf-8-sig")
    assert load().port == 1234

    for wrong in ("utf-16", "latin-1"):
        (tmp_path / ".env").write_text("PORT=1234 # für uns\n", encoding=wrong)
        with pytest.raises(ConfigurationError, match=r"\.env cannot be read: it is not UTF-8"):
            load()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch(mode=0)

    with pytest.raises(ConfigurationError, match=r"\.env cannot be read: Permission denied"):
        load()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("REDIS_URI", "REDIS_URL"), ("LEAN_TIMEOUT", "LEAN_TIMEOUT_S"), ("FARM_PORT", "PORT"), ("farm_urls", "FARM_URL")],
)
def test_a_name_that_is_almost_one_is_warned_of_with_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY=x\n{name}=1\nMAX_K=7\n")

    assert load().max_k == 7
    load()

    [warning] = caplog.messages
    assert f"{name} is not a setting" in warning
    assert f"{meant}?" in warning


def test_names_of_others_are_theirs() -> None:
    others = "LEAN_PATH LEAN_SYSROOT LEAN_CC LEAN_NUM_THREADS LAKE_HOME HF_TOKEN OPENAI_API_KEY LEAN_SERVER_API_KEY"
    compose = (ROOT / "docker-compose.yaml").read_text() + (ROOT / "deploy" / "compose.workers.yaml").read_text()
    names = {*others.split(), *re.findall(r"\$\{([A-Z_]+)", compose), *DEFAULTS}

    assert {name: meant for name in names if (meant := nearest_setting(name))} == {}


def test_secrets_stay_out_of_reprs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_API_KEY", "hush")
    monkeypatch.setenv("REDIS_URL", "redis://:hush@host")

    assert "hush" not in repr(load())
