"""A run's curves as TensorBoard reads them, and whether two runs are the same."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def curves(logs: Path) -> EventAccumulator:
    """The run's curves as TensorBoard reads them."""
    accumulator = EventAccumulator(str(logs), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def steps(logs: Path, tag: str = "d_loss") -> list[int]:
    return [event.step for event in curves(logs).Tensors(tag)]


def assert_same_run(out_dir: Path, one: str, other: str, iteration: int, sheets_of: str = "") -> None:
    """Weights, averages, Adam slots, sheets (or those that `sheets_of` has) and scalars are equal, bit for bit."""
    readers = [tf.train.load_checkpoint(str(out_dir / "checkpoints" / r / f"model-{iteration}")) for r in (one, other)]
    names = [name for name in readers[0].get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    assert len(names) > 80
    for name in names:
        if "save_counter" not in name:
            assert (readers[0].get_tensor(name) == readers[1].get_tensor(name)).all(), name
    sheets = [{f.name: f.read_bytes() for f in (out_dir / "samples" / r).glob("train_*")} for r in (one, other)]
    names = sheets[sheets_of == other] if sheets_of else sheets[0] | sheets[1]
    assert [sheets[0].get(name) for name in names] == [sheets[1].get(name) for name in names]
    for tag in ("d_loss", "g_loss"):
        values = [
            [e.tensor_proto.tensor_content for e in curves(out_dir / "logs" / r).Tensors(tag)] for r in (one, other)
        ]
        assert values[0] == values[1]
