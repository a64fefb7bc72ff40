"""What a training run can be told, apart from the model's own settings."""

from typing import Literal

from pydantic import Field

from mien.contracts.plugin import PluginConfig
from mien.plugins.choice import settings_as_text


class TrainOptions(PluginConfig):
    """Options of the loop. All are kept in run.toml; a resumed run takes them from there."""

    seed: int = 0
    """Start of every random number of the run: weights, order of the faces, warps."""
    steps: int | None = Field(default=None, ge=1)
    """Stop when the run has done so many steps, counted from its very start."""
    minutes: float | None = Field(default=None, gt=0)
    """Stop after so many minutes of this call."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """Mixed precision. auto: bf16 where the processor or the graphics card computes it natively, otherwise none."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are summed up to one step."""
    clip: float | None = Field(default=None, gt=0)
    """Largest L2 norm of a phase's gradients; longer ones are scaled down to it."""
    held_out: float = Field(default=0.1, ge=0, lt=1)
    """Share of the faces that training never sees: the end of each clip and of each folder of images."""
    repeat_rare: int = Field(default=1, ge=1)
    """How many times a face with a rare expression (a wide open mouth, closed eyes) comes in an epoch at most."""
    steps_per_log: int = Field(default=20, ge=1)
    """Steps from one line of metrics.jsonl to the next."""
    steps_per_validation: int = Field(default=200, ge=1)
    """Steps from one measurement on the held-out faces to the next; it drives the schedule."""
    expression_faces: int = Field(default=24, ge=0)
    """Held-out faces whose eye opening and blinks are measured at each validation, drawn as themselves and as the next
    person, by a model that knows its people; 0: none."""
    steps_per_preview: int = Field(default=500, ge=1)
    """Steps from one preview image to the next."""
    steps_per_checkpoint: int = Field(default=500, ge=1)
    """Steps from one checkpoint to the next: what kill -9 can lose at most."""
    checkpoints_kept: int = Field(default=2, ge=1)
    """Older checkpoints are removed."""
    schedule: Literal["plateau", "cosine", "constant"] = "plateau"
    """How the learning rate falls: when the loss on held-out faces no longer does; along a cosine, down to 1 % of it at
    the end; or not at all. A model whose loss does not tell how good it is has no plateau."""
    warmup: int = Field(default=0, ge=0)
    """Over so many steps the learning rate rises at the beginning, under any schedule."""
    schedule_steps: int | None = Field(default=None, ge=1)
    """Where a cosine ends; none: where `steps` say or the model's stages end. It is kept when a run goes on further."""
    plateau_patience: int = Field(default=10, ge=0)
    """Validations without a new best loss after which the learning rate is lowered."""
    plateau_factor: float = Field(default=0.5, gt=0, le=1)
    """What the learning rate is then multiplied with; 1 keeps it for ever."""
    on_nan: Literal["stop", "rollback"] = "stop"
    """When a loss or gradient is not finite: stop, or go back to the last checkpoint and on with other faces."""
    rollbacks: int = Field(default=3, ge=0)
    """How many times on_nan=rollback goes back before it stops all the same."""
    compile: bool | Literal["auto"] = "auto"
    """Compile the model's losses (torch.compile), which takes a minute or so. auto: on a CUDA card with Triton, if
    training is to last 1,000 steps and 5 minutes or more; what it came to is kept in run.toml. Stages that blend a
    resolution in are never compiled. On a processor it needs a C++ compiler."""
    checkpoint_activations: bool = False
    """Compute activations again for the backward pass instead of keeping them all: less memory, more time, and the same
    weights. It is not compiled."""
    channels_last: bool = True
    """Keep images and weights channels last, which is faster on most processors and cards."""
    data_on: Literal["auto", "host", "device"] = "auto"
    """Where the faces lie while training. host: they are read from the dataset for each step. device: all of them lie
    in the memory of the card, or, on a processor, as the model gets them in its. auto: device, on a CUDA card or a
    processor of whose free memory they take at most a fifth. The result is the same."""
    deterministic: bool = True
    """Use only algorithms that give the same result every time."""
    init_from: str | None = None
    """A model.safetensors to begin with instead of random weights; names and shapes have to fit."""

    def changed(self) -> dict[str, str]:
        """The options that are not as they are by default, as text."""
        fields = type(self).model_fields.items()
        return settings_as_text(self, [key for key, field in fields if getattr(self, key) != field.default])
