"""What XLA compiles is kept: a later start of the program compiles nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import SMALL, call_main


@pytest.mark.slow
def test_later_starts_compile_nothing(images_dir: Path, tmp_path: Path):
    """A new run, a resumed one and one that begins with weights; a damaged file is replaced; a user's flags win."""

    def start(*flags: str, env: dict[str, str] | None = None) -> dict[Path, int]:
        """Train; return the files that are kept, with their times."""
        places = ["--dataset=blobs", f"--data_dir={images_dir}", "--cache_dir=my cache"]
        result = call_main(*places, "--train", "--xla=on", "--output_height=16", *SMALL, *flags, cwd=tmp_path, env=env)
        assert "rror" not in result.stderr
        return {file: file.stat().st_mtime_ns for file in tmp_path.glob("my cache/compiled/*/*")}

    kept = start("--iterations=2", "--out_name=first")
    (file,) = kept
    assert start("--iterations=3", "--out_name=first", "--resume") == kept
    own = {"TF_XLA_FLAGS": f"--tf_xla_persistent_cache_directory={tmp_path / 'own'}"}
    assert start("--iterations=2", "--out_name=second", "--init_from=first", env=own) == kept
    assert len(list(tmp_path.glob("own/*"))) == 1
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    third = start("--iterations=2", "--out_name=third", "--init_from=first")
    assert file not in third
    (file,) = third
    fourth = start("--iterations=2", "--out_name=fourth", "--cache_limit_gb=0.000001")
    assert fourth.get(file) != third[file], "what is over the limit is removed, and compiled again"
