"""The benchmark of the pipeline runs, and prints what the README quotes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import train_step

from dcgan_tf.system.errors import UserError


@pytest.mark.soak
def test_pipeline(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    train_step.main(["--pipeline", "--pictures", "96", "--cache_gb", "0"])
    out = capsys.readouterr().out
    speeds = [float(number.replace(",", "")) for number in re.findall(r"([\d,]+) images/s", out)]
    assert len(speeds) == 4 and min(speeds) > 0 and "from disk" in out
    seconds = [float(number) for number in re.findall(r"([\d.]+) s$", out, re.MULTILINE)]
    assert len(seconds) == 3 and min(seconds) > 1
    assert re.search(r"Peak memory: \d", out) and not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_too_few_pictures():
    with pytest.raises(UserError, match="at least 64"):
        train_step.main(["--pipeline", "--pictures", "1"])
