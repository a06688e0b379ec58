"""`python -m workers.embed.gpu_check [SECONDS]`: show this host's embedder, its GPU, and its texts per second.

It uses the farm's settings: the servers of `EMBED_SERVICE_URL`, or `MODEL_ID` in this process. If no GPU is seen, it
exits with status 1, and its last line says what is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from farm.errors import FarmError
from farm.settings import Settings, load
from workers.embed.embedder import Embedder, make_embedder

_TEXT = (
    "theorem Finset.sum_comm_{0} {{α β γ : Type}} [AddCommMonoid γ] (s : Finset α) (t : Finset β) (f : α → β → γ) "
    ": ∑ x ∈ s, ∑ y ∈ t, f x y = ∑ y ∈ t, ∑ x ∈ s, f x y"
)
_BATCH = 256


def gpus() -> list[str]:
    """Return the GPUs that `nvidia-smi -L` lists, one line each; nothing if there is no driver."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    run = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=30, check=False)
    return [line.strip() for line in run.stdout.splitlines() if line.startswith("GPU")] if run.returncode == 0 else []


def missing(settings: Settings, found: list[str]) -> str:
    """Return why this host cannot embed on a GPU of its own; empty if no reason is known."""
    if not found:
        return (
            "No NVIDIA GPU is seen here (`nvidia-smi -L`): install the driver, or in a container the "
            "NVIDIA container toolkit"
        )
    if settings.embed_service_urls:
        return ""
    if not settings.model_id:
        return "Neither EMBED_SERVICE_URL nor MODEL_ID is set: the lexical embedder uses no GPU"
    if find_spec("torch") is None:
        return "MODEL_ID needs sentence-transformers: install `leanfarm[embed]`, or set EMBED_SERVICE_URL"
    torch: Any = import_module("torch")
    return "" if torch.cuda.is_available() else f"torch {torch.__version__} has no CUDA here: install a build with CUDA"


def rate(embedder: Embedder, batch: int, seconds: float) -> tuple[int, float]:
    """Embed texts that all differ; return how many were embedded, and in how many seconds.

    Args:
        embedder: the embedder.
        batch: how many texts are embedded at once, as the embed worker does under load.
        seconds: how long to embed, after a first batch that does not count.
    """
    embedder.embed([_TEXT.format(f"warm_{at}") for at in range(batch)])
    total, started = 0, time.monotonic()
    while (taken_s := time.monotonic() - started) < seconds:
        embedder.embed([_TEXT.format(total + at) for at in range(batch)])
        total += batch
    return total, taken_s


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the check with the settings from the environment; return the exit status."""
    try:
        settings, seconds = load(), float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
        found = gpus()
        _tell("\n".join(found) or "no GPU")
        embedder = make_embedder(settings)
        try:
            total, taken_s = rate(embedder, _BATCH * max(len(settings.embed_service_urls), 1), seconds)
            _tell(f"{embedder.kind}: {embedder.name}, {embedder.dimension} numbers per text")
            _tell(f"{total} texts in {taken_s:.1f} s: {total / taken_s:.0f} texts/s")
        finally:
            embedder.close()
    except FarmError as error:
        _tell(error.message)
        return 1
    if lack := missing(settings, found):
        _tell(lack)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
