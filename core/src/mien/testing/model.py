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

from mien.contracts.model import Batch, Generated, Model, ModelInputs
from mien.contracts.target import Given, Known, Reference, Synthetic, Target, TargetKind
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.plugin import PluginContract
from mien.tracking.recognizer import Recognizer
from mien.training.batch import resampled
from mien.training.recognition import recognize_by
from mien.training.run import make_model
from mien.training.weights import load_weights, saved_state

_FEATURES = 10
_ENCODING = 16
_SIDE = 32
_KINDS: frozenset[TargetKind] = frozenset({"known", "synthetic", "reference"})


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
        """A new model with weights from that seed, fitted to a few images if it wants to be."""
        torch.manual_seed(seed)
        model = make_model(Registry(), self.name, dict(self.small), self.inputs())
        if model.fits():
            with torch.no_grad():
                people = max(len(model.inputs.people), 1)
                model.fit([self._batch(model, max(6, 2 * people), _SIDE, people, None)])
        return model

    def inputs(self) -> ModelInputs:
        """As many people as the model needs at least, ten features if it draws from features, and the recognizer that
        it names as a network, if it names one."""
        loaded = Registry().load("model", self.name)
        assert issubclass(loaded, Model), f"{self.name} is registered as a model: derive it from mien.Model."
        features = _FEATURES if loaded.needs_features else 0
        people = tuple(f"person{number}" for number in range(loaded.people[0]))
        encodings = _ENCODING if loaded.sees_encodings() else 0
        mean, covariance = np.zeros(features, np.float32), np.eye(features, dtype=np.float32)
        named = loaded.recognizer and Recognizer(Registry(), loaded.recognizer)
        recognize = recognize_by(named.feature) if named else None
        return ModelInputs(people, features, 100, mean, covariance, encodings, recognize)

    def trainable(self) -> Model:
        """A new model that is trained by steps; the test is skipped for one that is not."""
        model = self.make().train()
        if not model.stages():
            pytest.skip("the model has no stages: nothing of it is trained by steps")
        return model

    def batch(self, model: Model, faces_each: int, stage: int | None = None) -> Batch:
        """Smooth colored images with a round mask, that many of each person; the same ones every time.

        stage: the number of the stage that they are for; None: for drawing.
        """
        resolution = model.resolution if stage is None else model.stages()[stage].resolution
        people = max(len(model.inputs.people), 1)
        return self._batch(model, faces_each * people, resolution or _SIDE, people, stage)

    def _batch(self, model: Model, count: int, size: int, people: int, stage: int | None, alone: bool = False) -> Batch:
        generator = torch.Generator().manual_seed(1)
        coarse = torch.rand(count, 3, 4, 4, generator=generator) * 2 - 1
        line = torch.linspace(-1, 1, size)
        mask = ((line[:, None] ** 2 + line**2) < 0.9).float().expand(count, 1, size, size).clone()
        images = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
        window = sum(model.window) + 1
        around = None
        if window > 1 and not alone:
            around = self._batch(model, count * window, size, people, stage, alone=True)
        landmarks = torch.from_numpy(portraits()[0].landmarks)
        landmarks = (landmarks - landmarks.min(0).values) / (landmarks.max() - landmarks.min()) * size
        encoded = model.sees_encodings() and stage is not None
        return Batch(
            images=(images + 1) * mask - 1 if model.masked else images,
            masks=mask,
            features=torch.rand(count, model.inputs.features, generator=generator) * 2 - 1,
            people=torch.arange(people).repeat_interleave(-(-count // people))[:count],
            landmarks=landmarks.expand(count, 68, 2).clone(),
            tracks=torch.full((count,), -1),
            encodings=torch.rand(count, _ENCODING, generator=generator) if encoded else None,
            around=around,
            stage=-1 if stage is None else stage,
            progress=0.5,
        )

    def target(self, model: Model, batch: Batch, kind: str | None = None, number: int = 0) -> Target:
        """Whom to draw: somebody of a kind that the model draws, another one for another number."""
        rows = torch.full((len(batch),), number, device=batch.images.device)
        kind = kind or sorted(model.targets)[0]
        if kind == "known":
            return Known(rows % len(model.inputs.people))
        if kind == "synthetic":
            return Synthetic(rows)
        generator = torch.Generator().manual_seed(number)
        encoding = torch.rand(_ENCODING if model.sees_encodings() else 0, generator=generator).to(batch.images.device)
        shown = batch.rows(torch.tensor([number % len(batch)], device=rows.device))
        return Reference(torch.zeros_like(rows), (Given(encoding, shown),))

    def draw(self, model: Model, batch: Batch, target: Target) -> Generated:
        """What the model draws, with the batch's masks if it has none of its own."""
        with torch.inference_mode():
            drawn = model.generate(batch, target)
        if isinstance(drawn, Generated):
            return drawn
        return Generated(drawn, resampled(batch.masks, drawn.shape[-1]))

    def test_stages_have_sizes_and_only_the_last_has_no_end(self) -> None:
        """A dataset's crops have up to 1024 pixels."""
        stages = list(self.trainable().stages())
        for stage in stages:
            assert 2 <= stage.resolution <= 1024, f"{stage}: crops have 2 to 1024 pixels."
            assert stage.batch_size >= 1, f"{stage}: batch_size counts the faces in a step, from 1."
        assert all(stage.steps for stage in stages[:-1]), "A stage before the last needs a length in steps."

    def test_it_says_whom_it_draws(self) -> None:
        """People it was trained on, people who do not exist, people whom images show."""
        targets = self.make().targets
        assert targets, "Name in targets what the model draws: the command line asks for one of them."
        assert targets <= _KINDS, f"targets names {sorted(targets - _KINDS)}: {sorted(_KINDS)} are known."

    @pytest.mark.parametrize("kind", sorted(_KINDS))
    @pytest.mark.parametrize("faces_each", [1, 3])
    def test_draws_images_in_range_and_leaves_the_batch_as_it_was(self, faces_each: int, kind: str) -> None:
        """For one face and for an odd number of them, at any side; and masks in range, if it has some of its own."""
        model = self._that_draws(kind)
        batch = self.batch(model, faces_each)
        before = copy.deepcopy(batch)
        drawn = self.draw(model, batch, self.target(model, batch, kind))
        side = drawn.images.shape[-1]
        assert drawn.images.shape == (len(batch), 3, side, side), "generate() returns (N, 3, T, T): square images."
        assert drawn.images.dtype == torch.float32, "generate() returns float32; call .float() on what autocast made."
        assert drawn.images.isfinite().all() and drawn.images.abs().max() <= 1.001, "Images lie in [-1, 1]."
        assert drawn.masks.shape == (len(batch), 1, side, side), "Generated.masks are (N, 1, T, T), as the images."
        assert drawn.masks.min() >= 0 and drawn.masks.max() <= 1.001, "Generated.masks lie in [0, 1]."
        _assert_same(before, batch, "generate() has changed its batch; work on a copy.")

    @pytest.mark.parametrize("kind", sorted(_KINDS))
    def test_the_same_batch_gives_the_same_images(self, kind: str) -> None:
        """Whatever was drawn before."""
        model = self._that_draws(kind)
        batch = self.batch(model, 2)
        first, second = (self.draw(model, batch, self.target(model, batch, kind)).images for _ in range(2))
        assert torch.equal(first, second), "generate() may not draw random numbers of its own."

    @pytest.mark.parametrize("kind", sorted(_KINDS))
    def test_a_face_is_drawn_the_same_whoever_is_beside_it(self, kind: str) -> None:
        """What a face becomes depends on itself and on whom it is to be."""
        model = self._that_draws(kind)
        batch = self.batch(model, 3)
        target = self.target(model, batch, kind)
        row = torch.tensor([1])
        together = self.draw(model, batch, target).images
        alone = self.draw(model, batch.rows(row), target.rows(row)).images
        assert torch.allclose(together[1:2], alone, atol=1e-3), "A face's image depends on the batch around it."

    @pytest.mark.parametrize("kind", ["synthetic", "reference"])
    def test_somebody_else_looks_different(self, kind: str) -> None:
        """Another number, or another reference, is another person."""
        model = self._that_draws(kind)
        if model.hides:
            pytest.skip("the model draws nobody: it hides")
        batch = self.batch(model, 2)
        first, second = (self.draw(model, batch, self.target(model, batch, kind, number)).images for number in (3, 4))
        assert not torch.equal(first, second), "generate() has to draw another person for another number or reference."

    def test_faces_without_landmarks_will_do(self) -> None:
        """They are NaN: an extractor may know boxes alone, and a model that needs landmarks draws something all the
        same."""
        model = self.make().eval()
        batch = self.batch(model, 2)
        bare = replace(batch, landmarks=torch.full_like(batch.landmarks, torch.nan))
        assert self.draw(model, bare, self.target(model, bare)).images.isfinite().all(), (
            "generate() returns values that are not finite for faces without landmarks."
        )

    def test_an_image_of_another_size_will_do_if_there_are_no_stages(self) -> None:
        """Crops come as large as they are cut."""
        model = self.make().eval()
        if model.stages():
            pytest.skip("the model has stages: it is given the last one's resolution")
        for size in (16, 100):
            batch = self._batch(model, 2, size, 1, None)
            assert self.draw(model, batch, self.target(model, batch)).images.isfinite().all()

    def test_a_window_looks_at_a_single_image_too(self) -> None:
        """Of an image all frames around it are itself."""
        model = self.make().eval()
        if not any(model.window):
            pytest.skip("the model has no window")
        batch = self.batch(model, 1)
        width = sum(model.window) + 1
        itself = batch.rows(torch.zeros(width * len(batch), dtype=torch.int64))
        single = replace(batch, around=replace(itself, around=None))
        assert self.draw(model, single, self.target(model, single)).images.isfinite().all()

    def test_a_person_absent_from_a_batch_does_no_harm(self) -> None:
        """A step has faces of anybody: of one person alone, and of nobody of the run."""
        model = self.trainable()
        last = len(model.stages()) - 1
        batch = self.batch(model, 3, last)
        # Of nobody of the run only without gradients: held-out people are never trained on.
        alone = replace(batch, people=torch.zeros_like(batch.people))
        for phase in model.phases:
            assert all(value.isfinite() for value in model(alone, phase).values()), (
                f"In phase {phase!r} it is not finite."
            )
        if "known" not in model.targets:
            nobody = replace(batch, people=torch.full_like(batch.people, -1))
            with torch.no_grad():
                for phase in model.phases:
                    assert all(value.isfinite() for value in model.eval()(nobody, phase).values())

    def test_losses_are_finite_scalars(self) -> None:
        """In every phase, at the resolution of every stage, and the batch stays as it was."""
        model = self.trainable()
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
        model = self.trainable().eval()
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for stage in range(len(model.stages())):
            for phase in model.phases:
                losses = model(self.batch(model, 3, stage), phase)
                assert all(value.isfinite() for value in losses.values()), f"In phase {phase!r} a loss is not finite."
        changed = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])]
        assert not changed, f"Validation changed {changed[:5]}: do that in training mode only (`self.training`)."

    def test_every_parameter_gets_a_gradient(self) -> None:
        """In one phase or another, at one stage or another; and every optimizer steps on weights of the model."""
        model = self.trainable()
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
        model = self.trainable()
        if len(model.phases) > 1:
            pytest.skip("the model has several phases, whose losses need not go down")
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
        model, loaded = self.make(seed=0).eval(), self.make(seed=1).eval()
        load_weights(loaded, load(save({name: tensor.contiguous() for name, tensor in saved_state(model).items()})))
        batch = self.batch(model, 2)
        target = self.target(model, batch)
        same = torch.equal(self.draw(model, batch, target).images, self.draw(loaded, batch, target).images)
        assert same, "Register what the model needs as parameters or buffers, so that it is saved."

    def test_the_same_seed_makes_the_same_weights(self) -> None:
        """Construction draws from torch's global generator alone."""
        first, second = self.make(seed=3).state_dict(), self.make(seed=3).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_can_be_made_without_settings(self) -> None:
        """Every setting has a default. As that may be large, only the settings are made."""
        Registry().configure(self.kind, self.name)

    def test_stopped_and_resumed_it_goes_on_as_if_it_had_not(self) -> None:
        """From its state dict and those of its optimizers, bit for bit."""
        self.trainable()
        through, _ = self._trained(self.make(), None, range(4))
        half, optimizers = self._trained(self.make(), None, range(2))
        resumed = self.make(seed=1)
        resumed.load_state_dict(load(save({name: value.contiguous() for name, value in half.state_dict().items()})))
        resumed, _ = self._trained(resumed, copy.deepcopy(optimizers), range(2, 4))
        expected, found = through.state_dict(), resumed.state_dict()
        changed = [name for name in expected if not torch.equal(expected[name], found[name])]
        assert not changed, (
            f"After a stop {changed[:5]} are others: register whatever training changes as parameters or buffers, and "
            "draw random numbers from torch's global generator alone."
        )

    @pytest.mark.parametrize("device", _devices())
    def test_works_on_every_device_of_this_machine(self, device: str) -> None:
        """What forward() and generate() make lies where the batch lies."""
        model = self.make().to(device)
        for phase in model.phases if model.stages() else ():
            model.train()(self.batch(model, 3, len(model.stages()) - 1).to(device), phase)["loss"].backward()
        batch = self.batch(model, 3).to(device)
        drawn = self.draw(model.eval(), batch, self.target(model, batch)).images
        assert drawn.device.type == device, f"generate() of a batch on {device} returns a tensor on {drawn.device}."

    def _that_draws(self, kind: str) -> Model:
        model = self.make().eval()
        if kind not in model.targets:
            pytest.skip(f"the model draws no {kind} people")
        return model

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
    for name in ("images", "masks", "features", "people", "tracks"):
        old, new = getattr(before, name), getattr(after, name)
        assert isinstance(old, Tensor) and torch.equal(old, new), f"{otherwise} ({name})"
