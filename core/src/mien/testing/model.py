"""Contract tests of models: `class TestMine(ModelContract): name = "mine"; small = {"width": 4}`."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from mien.contracts.model import Batch, Model, ModelInputs
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.testing.plugin import PluginContract
from mien.training.run import make_model

_FEATURES = 10


def _devices() -> list[str]:
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [device for device, there in found.items() if there]


class ModelContract(PluginContract):
    """What every model has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "model"
    small: ClassVar[Mapping[str, Any]] = {}
    """Settings that make the model small enough to be tested in seconds."""

    def chosen(self) -> Mapping[str, Any]:
        """What makes it small."""
        return self.small

    def create(self) -> Model:
        """A new model, small, with weights from seed 0."""
        return self.make()

    def make(self, seed: int = 0) -> Model:
        """A new model with weights from that seed."""
        torch.manual_seed(seed)
        return make_model(Registry(), self.name, dict(self.small), self.inputs())

    def inputs(self) -> ModelInputs:
        """As many people as the model needs at least, and ten features if it draws from features."""
        loaded = Registry().load("model", self.name)
        assert issubclass(loaded, Model), f"{self.name} is registered as a model: derive it from mien.Model."
        features = _FEATURES if loaded.needs_features else 0
        people = tuple(f"person{number}" for number in range(loaded.people[0]))
        return ModelInputs(people, features, 100, np.zeros(features, np.float32), np.eye(features, dtype=np.float32))

    def batch(self, model: Model, faces_each: int, stage: int | None = None) -> Batch:
        """Smooth colored images with a round mask, that many of each person; the same ones every time.

        stage: the number of the stage that they are for; None: for drawing, at the size of the model.
        """
        size = model.size if stage is None else model.stages()[stage].resolution
        people = len(model.inputs.identities)
        generator = torch.Generator().manual_seed(1)
        coarse = torch.rand(faces_each * people, 3, 4, 4, generator=generator) * 2 - 1
        line = torch.linspace(-1, 1, size)
        mask = ((line[:, None] ** 2 + line**2) < 0.9).float().expand(faces_each * people, 1, size, size)
        images = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
        return Batch(
            (images + 1) * mask - 1,
            mask.clone(),
            torch.rand(faces_each * people, model.inputs.features, generator=generator) * 2 - 1,
            torch.arange(people).repeat_interleave(faces_each),
            progress=0.5,
            stage=-1 if stage is None else stage,
            strangers=torch.arange(faces_each * people) if model.invents else None,
        )

    def test_stages_are_powers_of_two_and_only_the_last_has_no_end(self) -> None:
        """The dataset stores crops of 2 to 128 pixels."""
        stages = list(self.make().stages())
        assert stages, "stages() has to return at least one stage."
        for stage in stages:
            assert stage.resolution in (2, 4, 8, 16, 32, 64, 128), f"{stage}: the dataset has no such crops."
            assert stage.batch_size >= 1, f"{stage}: batch_size counts the faces of each person in a step."
        assert all(stage.steps for stage in stages[:-1]), "A stage before the last needs a length in steps."

    @pytest.mark.parametrize("faces_each", [1, 3])
    def test_draws_images_in_range_and_leaves_the_batch_as_it_was(self, faces_each: int) -> None:
        """For one face and for an odd number of them."""
        model = self.make().eval()
        batch = self.batch(model, faces_each)
        before = copy.deepcopy(batch)
        with torch.inference_mode():
            for identity in (*(model.inputs.identities if model.swaps else ()), None):
                drawn = model.generate(batch, identity)
                assert drawn.shape == (len(batch), 3, model.size, model.size), "generate() returns (N, 3, size, size)."
                assert drawn.dtype == torch.float32, "generate() returns float32; call .float() on what autocast made."
                assert drawn.isfinite().all() and drawn.abs().max() <= 1.001, "Images lie in [-1, 1]."
        _assert_same(before, batch, "generate() has changed its batch; work on a copy.")

    def test_the_same_batch_gives_the_same_images(self) -> None:
        """Whatever was drawn before."""
        model = self.make().eval()
        batch = self.batch(model, 2)
        with torch.inference_mode():
            first, second = (model.generate(batch, None) for _ in range(2))
        assert torch.equal(first, second), "generate() may not draw random numbers of its own."

    def test_an_unknown_person_is_refused(self) -> None:
        """By name, with the people that the run knows."""
        model = self.make().eval()
        with torch.inference_mode(), pytest.raises(MienError, match="nobody"):
            model.generate(self.batch(model, 1), "nobody")

    def test_it_says_whom_it_draws(self) -> None:
        """People it was trained on, invented ones, or both; a name is refused by a model that draws no such person."""
        model = self.make().eval()
        assert model.swaps or model.invents, "Set swaps or invents to True: the command line asks for one of them."
        if not model.swaps:
            with torch.inference_mode(), pytest.raises(MienError, match="do not exist"):
                model.generate(self.batch(model, 1), model.inputs.identities[0])

    def test_a_stranger_stays_the_same_person_in_every_batch(self) -> None:
        """What a face becomes depends on itself and on the stranger's number, not on the faces beside it."""
        model = self.make().eval()
        if not model.invents:
            return
        batch = self.batch(model, 3)
        with torch.inference_mode():
            together = model.generate(batch, None)
            alone = model.generate(batch.rows(torch.tensor([1])), None)
            assert torch.allclose(together[1:2], alone, atol=1e-3), "A face's image depends on the batch around it."
            one, other = (
                model.generate(replace(batch, strangers=torch.full_like(batch.identities, number)), None)
                for number in (3, 4)
            )
        assert not torch.equal(one, other), "generate() has to draw another person for another number."

    def test_losses_are_finite_scalars(self) -> None:
        """In every phase, at the resolution of every stage, and the batch stays as it was."""
        model = self.make().train()
        for stage in range(len(model.stages())):
            batch = self.batch(model, 3, stage)
            before = copy.deepcopy(batch)
            for phase in model.phases:
                losses = model(batch, phase)
                assert "loss" in losses, f"forward() in phase {phase!r} has to return a 'loss'."
                for name, value in losses.items():
                    assert value.shape == () and value.isfinite(), f"{phase}/{name} has to be a finite scalar tensor."
            _assert_same(before, batch, "forward() has changed its batch; work on a copy.")

    @torch.no_grad()
    def test_losses_can_be_validated_without_gradients(self) -> None:
        """In evaluation mode, as the loop does on held-out faces; and that leaves the model as it was."""
        model = self.make().eval()
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for stage in range(len(model.stages())):
            for phase in model.phases:
                losses = model(self.batch(model, 3, stage), phase)
                assert all(value.isfinite() for value in losses.values()), f"In phase {phase!r} a loss is not finite."
        changed = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])]
        assert not changed, f"Validation changed {changed[:5]}: do that in training mode only (`self.training`)."

    def test_every_parameter_gets_a_gradient(self) -> None:
        """In one phase or another, at one stage or another; and every optimizer steps on weights of the model."""
        model = self.make().train()
        reached: set[str] = set()
        own = {id(parameter) for parameter in model.parameters()}
        for phase in model.phases:
            groups = model.optimizer(phase).param_groups
            stepped = {id(parameter) for group in groups for parameter in group["params"]}
            assert stepped and stepped <= own, f"The optimizer of {phase!r} has to step on the model's own parameters."
            for stage in range(len(model.stages())):
                model.zero_grad(set_to_none=True)
                model(self.batch(model, 3, stage), phase)["loss"].backward()
                reached |= {
                    name
                    for name, parameter in model.named_parameters()
                    if parameter.grad is not None and id(parameter) in stepped and parameter.grad.isfinite().all()
                }
        never = [name for name, p in model.named_parameters() if p.requires_grad and name not in reached]
        assert not never, f"No phase trains {never[:5]}: use it in forward(), or do not register it as a parameter."

    def test_a_few_steps_lower_the_loss_of_a_model_with_one_phase(self) -> None:
        """On a fixed batch, with the same random numbers each time. Adversarial phases need not go down."""
        model = self.make().train()
        if len(model.phases) > 1:
            return
        batch, optimizer = self.batch(model, 4, len(model.stages()) - 1), model.optimizer(model.phases[0])
        losses = []
        for _ in range(8):
            torch.manual_seed(0)
            loss = model(batch, model.phases[0])["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0], f"Eight steps on one batch took the loss from {losses[0]} to {losses[-1]}."

    def test_saved_and_loaded_it_draws_the_same(self) -> None:
        """Through safetensors: nothing that matters may live outside of the state dict."""
        model, other = self.make(seed=0).eval(), self.make(seed=1).eval()
        state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        other.load_state_dict(load(save(state)))
        batch = self.batch(model, 2)
        with torch.inference_mode():
            same = torch.equal(model.generate(batch, None), other.generate(batch, None))
        assert same, "Register what the model needs as parameters or buffers, so that it is saved."

    def test_the_same_seed_makes_the_same_weights(self) -> None:
        """Construction draws from torch's global generator alone."""
        one, two = self.make(seed=3).state_dict(), self.make(seed=3).state_dict()
        assert all(torch.equal(one[name], two[name]) for name in one)

    def test_can_be_made_without_settings(self) -> None:
        """Every setting has a default. As that may be large, only the settings are made."""
        Registry().configure(self.kind, self.name)

    def test_stopped_and_resumed_it_goes_on_as_if_it_had_not(self) -> None:
        """From its state dict and those of its optimizers, bit for bit."""
        through, _ = self._trained(self.make(), None, range(4))
        half, optimizers = self._trained(self.make(), None, range(2))
        resumed = self.make(seed=1)
        resumed.load_state_dict(load(save({name: value.contiguous() for name, value in half.state_dict().items()})))
        resumed, _ = self._trained(resumed, copy.deepcopy(optimizers), range(2, 4))
        expected, found = through.state_dict(), resumed.state_dict()
        other = [name for name in expected if not torch.equal(expected[name], found[name])]
        assert not other, (
            f"After a stop {other[:5]} are others: register whatever training changes as parameters or buffers, and "
            "draw random numbers from torch's global generator alone."
        )

    @pytest.mark.parametrize("device", _devices())
    def test_works_on_every_device_of_this_machine(self, device: str) -> None:
        """What forward() and generate() make lies where the batch lies."""
        model = self.make().to(device)
        for phase in model.phases:
            model.train()(self.batch(model, 3, len(model.stages()) - 1).to(device), phase)["loss"].backward()
        with torch.inference_mode():
            drawn = model.eval().generate(self.batch(model, 3).to(device), None)
        assert drawn.device.type == device, f"generate() of a batch on {device} returns a tensor on {drawn.device}."

    def _trained(
        self, model: Model, states: Mapping[str, Any] | None, steps: range
    ) -> tuple[Model, dict[str, dict[str, Any]]]:
        """The model after these steps, each with random numbers of its own, and its optimizers' states."""
        optimizers = {phase: model.train().optimizer(phase) for phase in model.phases}
        for phase, state in (states or {}).items():
            optimizers[phase].load_state_dict(state)
        batch = self.batch(model, 3, len(model.stages()) - 1)
        for step in steps:
            for number, phase in enumerate(model.phases):
                torch.manual_seed(step * len(model.phases) + number)
                model.zero_grad(set_to_none=True)
                model(batch, phase)["loss"].backward()
                optimizers[phase].step()
                model.after_step(phase)
        return model, {phase: optimizer.state_dict() for phase, optimizer in optimizers.items()}


def _assert_same(before: Batch, after: Batch, otherwise: str) -> None:
    for name in ("images", "masks", "features", "identities"):
        one, two = getattr(before, name), getattr(after, name)
        assert isinstance(one, Tensor) and torch.equal(one, two), f"{otherwise} ({name})"
