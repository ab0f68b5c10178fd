"""Exported train steps as functions of JAX. It needs JAX and NumPy, and no TensorFlow."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from benchmarks.gpu import made

jax.config.update("jax_enable_x64", True)  # the number of iterations is an int64; all else has its own type

State = list[Any]
Losses = dict[str, Any]


class SavedStep:
    """An exported step. Its state is the list of all variables."""

    platforms: list[str] | None = None  # what it is compiled for, if that is not JAX's own device

    def __init__(self, manifest: Path):
        self.manifest = json.loads(manifest.read_text())
        self.arrays = np.load(manifest.with_suffix(".npz"))
        direct = manifest.with_name(f"{self.manifest['checked_by']}.json")
        self.checks = json.loads(direct.read_text())["checks"]
        self.expected = np.load(direct.with_suffix(".npz"))
        self.names = [entry["name"] for entry in self.manifest["state"]]
        self.state_specs = [spec_of(entry) for entry in self.manifest["state"]]
        self.input_specs = [spec_of(entry) for entry in self.manifest["inputs"]]
        self.program = self._program(gzip.decompress(manifest.with_suffix(".stablehlo.gz").read_bytes()))

    def __call__(self, state: State, *batch: Any) -> tuple[State, Losses]:
        """Train one iteration. Return the new state and the losses."""
        results = self.program(*batch, *state)
        new = []
        for name, old in zip(self.names, state, strict=True):
            place = self.manifest["updates"].get(name)
            new.append(old if place is None else results[place])
        losses = self.manifest["losses"]
        return new, dict(zip(losses, results[: len(losses)], strict=True))

    def _program(self, artifact: bytes) -> Callable[..., tuple[Any, ...]]:
        """Return the function of a StableHLO program: JAX's own exported function, with another program inside."""
        specs = [*self.input_specs, *self.state_specs]
        by_name = dict(zip(self.names, self.state_specs, strict=True))
        results = [jax.ShapeDtypeStruct((), np.float32)] * len(self.manifest["losses"])
        results += [by_name[name] for name in sorted(self.manifest["updates"], key=self.manifest["updates"].get)]

        def shapes(*_: Any) -> tuple[Any, ...]:
            return tuple(jnp.zeros(result.shape, result.dtype) for result in results)

        exported = export.export(jax.jit(shapes), platforms=self.platforms)(*specs)
        inside = {"mlir_module_serialized": artifact, "module_kept_var_idx": tuple(range(len(specs)))}
        return dataclasses.replace(exported, **inside).call

    def compile(self) -> Any:
        """Return the compiled step. The memory of the old state is used for the new one, as in TensorFlow."""
        return jax.jit(self.__call__, donate_argnums=0).lower(self.state_specs, *self.input_specs).compile()

    def compile_loop(self, iterations: int) -> Any:
        """Return one program of several iterations, which takes all their batches, [iterations, B, ...]."""

        def loop(state: State, *batches: Any) -> tuple[State, Losses]:
            state, losses = jax.lax.scan(lambda state, batch: self(state, *batch), state, batches)
            return state, {name: values[-1] for name, values in losses.items()}

        specs = [jax.ShapeDtypeStruct((iterations, *spec.shape), spec.dtype) for spec in self.input_specs]
        return jax.jit(loop, donate_argnums=0).lower(self.state_specs, *specs).compile()

    def first(self) -> State:
        """Return the state before the first iteration. Raises ValueError if it is not the one of the export."""
        if self.manifest["recorded"]:
            state = [self.arrays[f"first/{name}"] for name in self.names]
        else:
            state = [made.array(entry) for entry in self.manifest["state"]]
        if made.checksum(state) != self.manifest["checksum"]:
            raise ValueError("The made-up weights are not those of the export; the two versions of NumPy differ.")
        return [jnp.array(value) for value in state]

    def batch(self, number: int) -> list[np.ndarray]:
        """Return what an iteration, 0, 1, ..., is given."""
        if self.manifest["recorded"]:
            return [self.arrays[f"input/{entry['name']}"][number] for entry in self.manifest["inputs"]]
        return [made.array(entry, number) for entry in self.manifest["inputs"]]


def spec_of(entry: made.Entry) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(tuple(entry["shape"]), np.dtype(entry["dtype"]))
