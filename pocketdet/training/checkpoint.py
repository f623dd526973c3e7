"""The state of a training on disk, so that a killed one carries on as if nothing had been."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.errors import TrainingError

FILE = "state.safetensors"
BATCH = "broken_batch.npz"


@dataclass(frozen=True)
class Checkpoint:
    """A folder that holds the newest state.

    Attributes:
        folder: Its name must depend on everything that the result depends on.
    """

    folder: Path

    def save(self, state: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        """Replace the state as a whole: after a kill there is the old one or the new one.

        Args:
            state: Variables by name.
            notes: JSON values that belong to it.
        """
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(v.numpy()) for name, v in state.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{FILE}.{os.getpid()}"
        with partial.open("wb") as file:
            file.write(save(arrays, {"notes": json.dumps(notes)}))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / FILE)

    def load(self, state: Mapping[str, Any]) -> dict[str, Any] | None:
        """Fill the variables from the saved state.

        Returns:
            The notes, or None if nothing has been saved.

        Raises:
            TrainingError: The file is damaged or of another training; nothing has been changed.
        """
        from safetensors import SafetensorError, safe_open

        path = self.folder / FILE
        if not path.exists():
            return None
        try:
            with safe_open(path, "numpy") as file:
                notes: dict[str, Any] = json.loads(file.metadata()["notes"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{path}: damaged checkpoint ({error}); delete it") from error
        shapes = {name: tuple(v.shape) for name, v in state.items()}
        if shapes != {name: array.shape for name, array in arrays.items()}:
            raise TrainingError(f"{path}: checkpoint of another net; delete it")
        for name, variable in state.items():
            variable.assign(arrays[name])
        return notes

    def keep(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
        """Write the arrays of a batch that broke the training beside the state, for people.

        Returns:
            The file, one .npz; each new one replaces the last.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / BATCH
        np.savez(path, **arrays)  # type: ignore[arg-type]
        return path

    def remove(self) -> None:
        """Delete the folder if it is there."""
        shutil.rmtree(self.folder, ignore_errors=True)
