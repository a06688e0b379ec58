"""A corpus that cannot be loaded is one sentence, whatever the disk says, and never the end of its worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.errors import CorpusError
from farm.settings import Settings
from workers.premises.loading import load_index


def test_a_disk_that_takes_no_vectors_is_an_error_of_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file, where a folder is wanted")

    with pytest.raises(CorpusError, match=str(tmp_path / "vectors")):
        load_index(Settings(data_dir=tmp_path, _env_file=None), lambda _done, _total: None)
