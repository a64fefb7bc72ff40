"""Checkpoints: whole folders RUN/checkpoints/STEP, renamed into place, from which a run goes on exactly."""

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open

from mien.contracts.model import Model
from mien.errors import MienError
from mien.media.files import writing_to
from mien.training.weights import AS_IT_WAS, shape_buffers, weights_written

_PROGRESS = "progress.json"
_FOLDER = "checkpoints"


class TrainingState(BaseModel):
    """How far a run is."""

    # A schedule that has seen no validation yet holds an infinite best loss; JSON's null would not come back as one.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    step: int = 0
    """Steps done since the run's start."""
    stage: int = 0
    stage_step: int = 0
    """Steps done in the stage."""
    rollbacks: int = 0
    """How many times the run went back because of a number that was not finite; part of the faces' order."""
    seconds: float = 0.0
    """Time trained, over all calls."""
    parts: int = 1
    """In so many parts each batch is computed, since the device's memory did not suffice for it."""
    compiled: bool = True
    """False once compiling has failed: the run goes on without."""
    schedules: dict[str, dict[str, Any]] = {}
    """State of each phase's learning rate schedule."""


def save(accelerator: Accelerator, run: Path, progress: TrainingState, kept: int) -> Path:
    """Write a checkpoint; every process calls it. Raises MienError if the disk is full."""
    folder = run / _FOLDER
    target, partial = folder / f"{progress.step:08d}", folder / f".{progress.step:08d}.partial"
    with writing_to(target):
        if accelerator.is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
        accelerator.wait_for_everyone()
        try:
            with weights_written(target):
                accelerator.save_state(str(partial))
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                (partial / _PROGRESS).write_text(progress.model_dump_json(indent=1), encoding="utf-8")
                shutil.rmtree(target, ignore_errors=True)
                os.replace(partial, target)
                _remove_older(folder, kept)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    accelerator.wait_for_everyone()
    return target


def newest(run: Path) -> Path | None:
    """The last whole checkpoint of a run."""
    whole = [path for path in (run / _FOLDER).glob("[0-9]*") if (path / _PROGRESS).is_file()]
    return max(whole, default=None)


def load(accelerator: Accelerator, checkpoint: Path) -> TrainingState:
    """Put the prepared model, optimizers and random states back. Raises MienError if the checkpoint is damaged."""
    try:
        progress = TrainingState.model_validate(json.loads((checkpoint / _PROGRESS).read_text(encoding="utf-8")))
        states = checkpoint / f"random_states_{accelerator.process_index}.pkl"
        if not states.is_file() or not states.stat().st_size:  # accelerate would go on without, and not exactly
            raise OSError(f"{states.name} is missing")
        accelerator.load_state(str(checkpoint))
    except (OSError, EOFError, ValueError, RuntimeError, pickle.UnpicklingError, SafetensorError) as error:
        # torch says so of the weights, and of an optimizer.
        if any(words in str(error) for words in ("loading state_dict for", "loaded state dict")):
            why = str(error).splitlines()[-1].strip()
            raise MienError(f"The weights of {checkpoint} do not fit the model: {why}", AS_IT_WAS) from error
        raise _is_damaged(checkpoint, error) from error
    return progress


def shape_buffers_of(checkpoint: Path, model: Model) -> None:
    """Give the model's empty buffers the shapes they have in a checkpoint. Raises MienError if it is damaged."""
    weights = checkpoint / "model.safetensors"
    try:
        with safe_open(weights, framework="pt") as file:
            shape_buffers(model, {name: file.get_slice(name).get_shape() for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _is_damaged(checkpoint, error) from error


def _is_damaged(checkpoint: Path, error: Exception) -> MienError:
    older = [path for path in checkpoint.parent.glob("[0-9]*") if path.name < checkpoint.name]
    then = "then resume from the older" if older else "there is no older one: --resume then begins anew"
    return MienError(f"The checkpoint {checkpoint} cannot be read: {error}.", f"rm -r {checkpoint}   ({then})")


def _remove_older(folder: Path, kept: int) -> None:
    for old in sorted(folder.glob("[0-9]*"))[:-kept]:
        shutil.rmtree(old)
    for half_written in folder.glob(".*.partial"):
        shutil.rmtree(half_written)
