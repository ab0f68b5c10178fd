"""The benchmark of the train step and its peers, small enough to run with every test."""

from __future__ import annotations

import json

import pytest
import train_step

TINY = ["--width=4", "--batch_size=8", "--iterations=2"]


def test_one_json_object(capsys: pytest.CaptureFixture):
    train_step.main([*TINY, "--dataset=made64", "--precision=bfloat16", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (result["dataset"], result["precision"], result["xla"]) == ("made64", "bfloat16", "auto")
    assert result["images_per_second"] == pytest.approx(8000 / result["ms_per_iteration"], rel=0.02)
    low, high = result["ms_quartiles"]
    assert low <= result["ms_per_iteration"] <= high
    assert result["peak_memory_mb"] > 100
    assert 0 < result["share_of_matrix_product"] < 1
