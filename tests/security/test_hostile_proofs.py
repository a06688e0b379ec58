"""Hostile proofs through a whole farm: what they attack stays as it was, and the next proof is judged correctly.

The scripted REPL runs Python that the proof carries, in Lean's place: the sandbox cannot tell one program from another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from farm import Farm, Outcome, Reason, Verdict
from tests.conftest import lean_settings
from tests.support.repl.directives import run_word
from tests.support.repl.install import Install, install
from tests.support.running import RunningFarm, await_true, running_farm

pytestmark = pytest.mark.root

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def repl(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """A REPL of this module's own, to be attacked."""
    return install(tmp_path_factory.mktemp("repl"))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, repl: Install, landlock: int) -> Iterator[RunningFarm]:
    project = tmp_path_factory.mktemp("project")
    (project / ".lake").mkdir()
    (project / ".lake" / "Basic.olean").write_text("olean")
    (project / "lean-toolchain").write_text((repl.repl_dir / "lean-toolchain").read_text())
    settings = {**lean_settings(repl), "LEAN_PROJECT_DIR": str(project), "FARM_API_KEY": SECRET, "FLAG": SECRET}
    with running_farm(tmp_path_factory.mktemp("farm"), **settings) as running:
        yield running


@pytest.fixture
def farm(target: RunningFarm) -> Iterator[Farm]:
    with target.client() as client:
        yield client


def ran(farm: Farm, code: str) -> dict[str, str]:
    """Run Python code in a proof; return `{"ran": text}` or `{"raised": text}`."""
    [verdict] = farm.verify(f"{TRUE} -- {run_word(code)}", timeout_s=20)
    [told] = [json.loads(message.data) for message in verdict.messages if message.data.startswith("{")]
    answer: dict[str, str] = told
    return answer


def project(target: RunningFarm) -> Path:
    return Path(target.environment["LEAN_PROJECT_DIR"])


def test_the_layers_stand_in_verdicts_and_readiness(farm: Farm, target: RunningFarm) -> None:
    [verdict] = farm.verify(TRUE)

    assert {"seccomp", "rlimits", "no_new_privs", "pdeathsig", "scratch"} <= set(verdict.environment.sandbox)
    assert any(layer.startswith("landlock:") for layer in verdict.environment.sandbox)
    lean = httpx.get(f"{target.url}/readyz").json()["checks"]["lean"]
    assert lean["sandbox"] == ", ".join(verdict.environment.sandbox)
    assert lean["notice"] == ""


def test_what_a_proof_may_do_it_can(farm: Farm, target: RunningFarm) -> None:
    code = (
        "import os; path = os.environ['TMPDIR'] + '/note'\n"
        "open(path, 'w').write('kept'); result = open(path).read() + open({olean!r}).read()"
    )

    assert ran(farm, code.format(olean=str(project(target) / ".lake/Basic.olean"))) == {"ran": "keptolean"}


def test_row_40_the_worker_cannot_be_killed(farm: Farm, target: RunningFarm) -> None:
    workers = {worker["pid"] for worker in target.workers()}

    for pid in [*workers, "os.getppid()", -1]:
        assert "PermissionError" in ran(farm, f"import os; os.kill({pid}, 9)")["raised"]

    assert {worker["pid"] for worker in target.workers()} == workers


def test_row_41_the_repl_and_its_library_cannot_be_changed(farm: Farm, repl: Install, target: RunningFarm) -> None:
    program, olean = repl.repl_dir / ".lake/build/bin/repl", project(target) / ".lake/Basic.olean"
    before = program.read_text(), olean.read_text()

    for path in (program, olean):
        for attempt in ("open({0!r}, 'a').write('x')", "os.truncate({0!r}, 0)", "os.chmod({0!r}, 0o777)"):
            answer = ran(farm, f"import os; {attempt.format(str(path))}")
            assert "PermissionError" in answer["raised"], answer

    assert (program.read_text(), olean.read_text()) == before
    assert farm.verify(TRUE)[0].outcome is Outcome.ACCEPTED


def test_row_42_the_project_cannot_be_deleted(farm: Farm, target: RunningFarm) -> None:
    folder = project(target)
    before = sorted(folder.rglob("*"))

    answer = ran(farm, f"import os\nfor name in {[str(path) for path in before]!r}: os.unlink(name)")

    assert "PermissionError" in answer["raised"]
    assert sorted(folder.rglob("*")) == before


def test_row_43_no_network_and_no_redis(farm: Farm, target: RunningFarm) -> None:
    redis, api = httpx.URL(target.redis_url), httpx.URL(target.url)
    places = [(redis.host, redis.port or 6379), (api.host, api.port or 80), ("169.254.169.254", 80)]

    for place in places:
        answer = ran(farm, f"import socket; socket.create_connection({place!r}, 3)")
        assert "PermissionError" in answer["raised"], (place, answer)


def test_row_44_no_environment_no_keys_no_home(farm: Farm, target: RunningFarm, tmp_path: Path) -> None:
    shown = ran(farm, "import os; result = dict(os.environ)")["ran"]
    assert SECRET not in shown
    assert target.redis_url not in shown
    assert str(target.folder) in shown, "TMPDIR lies in DATA_DIR"

    (tmp_path / ".secret").write_text(SECRET)
    data = target.folder / "data"
    paths = [tmp_path / ".secret", data / "runtime.json", *data.glob("launcher/*/plan"), *data.glob("logs/*.log")]
    assert len(paths) > 4
    for path in [*paths, "/proc/%d/environ", "/proc/%d/cmdline", "/proc/%d/mem"]:
        named = repr(str(path)) + (" % os.getppid()" if "%d" in str(path) else "")
        answer = ran(farm, f"import os; result = open({named}).read(1)")
        assert "PermissionError" in answer.get("raised", ""), (path, answer)
    for folder in (Path.home(), data, "/proc", "/"):
        assert "PermissionError" in ran(farm, f"import os; result = os.listdir({str(folder)!r})").get("raised", "")


@pytest.mark.parametrize("directive", ["orphan", "fork"])
def test_rows_45_and_46_nothing_can_be_forked(farm: Farm, directive: str) -> None:
    [verdict] = farm.verify(f"{TRUE} -- {directive}!", timeout_s=10)

    [told] = [json.loads(message.data) for message in verdict.messages if directive in message.data]
    assert told == {directive: None, "refused": "[Errno 1] Operation not permitted"}


def test_row_45_threads_end_somewhere(farm: Farm) -> None:
    if "uid" not in farm.verify(TRUE)[0].environment.sandbox:
        pytest.skip("needs a privileged worker: only a user id of its own can be given a number of threads")
    code = (
        "import threading\nend, result = threading.Event(), 0\nthreading.stack_size(1 << 16)\n"
        "try:\n    for result in range(5000): threading.Thread(target=end.wait, daemon=True).start()\n"
        "except RuntimeError: pass\n"
        "end.set()"
    )

    assert 64 < int(ran(farm, code)["ran"]) < 4000


@pytest.mark.usefixtures("landlock")
def test_row_47_memory_ends_at_the_hard_limit(tmp_path: Path, repl: Install) -> None:
    settings = {**lean_settings(repl), "LEAN_MEMORY_LIMIT_MB": "2000", "LEAN_MEMORY_HARD_LIMIT_MB": "2000"}
    with running_farm(tmp_path / "own", **settings) as running, running.client() as farm:
        assert "MemoryError" in ran(farm, "bytearray(3 << 30)")["raised"]


def test_a_flood_of_files_ends_the_repl_and_is_cleared_away(farm: Farm, target: RunningFarm) -> None:
    code = "import os\nfor n in range(6000): open(f\"{os.environ['TMPDIR']}/{n}\", 'w').close()"

    verdicts = farm.verify([f"{TRUE} -- {run_word(code)} hang!", TRUE], timeout_s=20)

    assert [verdict.reason for verdict in verdicts] == [Reason.CRASHED, None]
    await_true(lambda: max(files_in_scratch(target), default=0) < 100, "the files are gone")


def files_in_scratch(target: RunningFarm) -> list[int]:
    folders = target.folder.glob("data/launcher/*/scratch/*")
    return [len(list(folder.iterdir())) for folder in folders if folder.exists()]


def test_scratch_goes_with_its_repl(farm: Farm, target: RunningFarm) -> None:
    scratch = Path(ran(farm, "import os; result = os.environ['TMPDIR']; open(result + '/x', 'w').close()")["ran"])
    assert scratch.is_relative_to(target.folder / "data")

    psutil.Process(int(scratch.name.split("-")[1])).kill()

    await_true(lambda: not scratch.exists(), "the folder is gone")


def test_scratch_goes_with_its_worker(farm: Farm, target: RunningFarm) -> None:
    scratch = Path(ran(farm, "import os; result = os.environ['TMPDIR']; open(result + '/x', 'w').close()")["ran"])

    psutil.Process(int(scratch.name.split("-")[0])).kill()

    await_true(lambda: not scratch.exists(), "the folder is gone", timeout_s=60)


@pytest.mark.usefixtures("landlock")
def test_a_farm_that_stopped_leaves_no_scratch(tmp_path: Path, repl: Install) -> None:
    folder = tmp_path / "own"
    with running_farm(folder, **lean_settings(repl)) as running, running.client() as farm:
        assert farm.verify(TRUE)[0].outcome is Outcome.ACCEPTED
        running.up.kill()
        running.up.wait(10)
    [left] = (folder / "data" / "launcher").iterdir()
    with running_farm(folder, **lean_settings(repl)) as running, running.client() as farm:
        assert farm.verify(TRUE)[0].outcome is Outcome.ACCEPTED
        assert not left.exists()


def undecided(verdict: Verdict) -> str:
    assert (verdict.reason, verdict.reward, verdict.environment.sandbox) == (Reason.FARM_ERROR, None, [])
    return verdict.messages[0].data


def test_a_sandbox_that_cannot_be_put_up_stops_every_proof(tmp_path: Path, repl: Install) -> None:
    settings = {**lean_settings(repl), "SANDBOX": "bubblewrap", "PATH": "/nowhere"}
    with running_farm(tmp_path / "own", **settings) as running, running.client() as farm:
        said = undecided(farm.verify(TRUE)[0])
        notice = farm.ready()["checks"]["lean"]["notice"]

    assert "bubblewrap is not installed" in said
    assert notice == said


def test_off_is_the_operators_word_and_is_said_everywhere(tmp_path: Path, repl: Install) -> None:
    settings = {**lean_settings(repl), "SANDBOX": "off"}
    with running_farm(tmp_path / "own", **settings) as running, running.client() as farm:
        [verdict] = farm.verify(TRUE)
        notice = farm.ready()["checks"]["lean"]["notice"]
        read = ran(farm, f"result = open({str(Path(__file__))!r}).read(3)")

    assert verdict.environment.sandbox == ["rlimits", "no_new_privs", "pdeathsig"]
    assert "SANDBOX is off" in notice
    assert read == {"ran": '"""'}


def denials(target: RunningFarm) -> dict[str, float]:
    """Return how many REPLs each bound of the sandbox has ended."""
    lines = httpx.get(f"{target.url}/metrics").text.splitlines()
    found = (line for line in lines if line.startswith("farm_sandbox_denials_total{"))
    return {line.partition('"')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in found}


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        ("seccomp", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)"),
        (
            "file size",
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); "
            "big = open('big', 'wb', buffering=0); [big.write(bytes(40 << 20)) for _ in range(3)]",
        ),
        ("scratch", "import time; [open(f'{i}', 'w').close() for i in range(4100)]; time.sleep(60)"),
    ],
)
def test_a_repl_that_the_sandbox_ends_is_counted_under_what_ended_it(
    farm: Farm, target: RunningFarm, bound: str, code: str
) -> None:
    before = denials(target)
    assert set(before) == {"seccomp", "file size", "memory", "scratch"}, "each is there before it first happens"
    word = run_word(f"import os; os.chdir(os.environ['HOME']); {code}")
    [verdict] = farm.verify(f"{TRUE} -- {word}", timeout_s=60)

    assert (verdict.outcome, verdict.reason) == (Outcome.UNDECIDED, Reason.CRASHED)
    after = await_true(lambda: (now := denials(target))[bound] >= before[bound] + 3 and now, "three deaths")
    assert after == {**before, bound: before[bound] + 3}, "nothing else was counted, and nothing twice"


def test_what_is_only_refused_ends_no_repl_and_is_counted_nowhere(farm: Farm, target: RunningFarm) -> None:
    before = denials(target)
    answer = ran(farm, "open('/etc/shadow').read()")

    assert "raised" in answer
    farm.verify(TRUE)
    assert denials(target) == before
