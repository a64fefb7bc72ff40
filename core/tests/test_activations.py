"""Activations that are computed again for the backward pass."""

import copy

import torch
from torch import Tensor, nn
from torch.optim import SGD

from mien.training.activations import checkpoint_activations


class Block(nn.Module):
    """A layer that scales what it gives by an option."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.LeakyReLU())

    def forward(self, maps: Tensor, *, scale: float) -> Tensor:
        scaled: Tensor = self.layer(maps) * scale
        return scaled


class Network(nn.Module):
    """Layers in a row, with random numbers and statistics among them, and blocks in a list."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(), nn.Dropout(0.5)]
        more = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Tanh()) for _ in range(5)]
        self.rows = nn.Sequential(*layers, *more)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.end = nn.Linear(8, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.rows(images)
        for block in self.blocks:
            maps = block(maps, scale=0.5)
        ended: Tensor = self.end(maps.mean((2, 3)))
        return ended


def trained(network: Network, steps: int = 3) -> dict[str, Tensor]:
    """Its state after some steps on a loss with a gradient penalty, the network called twice in each."""
    torch.manual_seed(1)
    optimizer = SGD(network.parameters(), lr=0.1)
    for _ in range(steps):
        images = torch.rand(4, 3, 16, 16, requires_grad=True)
        value = network(images).sum() - network(-images).sum()
        (slope,) = torch.autograd.grad(value, images, create_graph=True)
        optimizer.zero_grad()
        (value + slope.square().sum()).backward()
        optimizer.step()
    return network.state_dict()


def bytes_kept(network: Network) -> int:
    """By the outputs' graph, for the backward pass."""
    kept = []

    def noted(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(noted, lambda tensor: tensor):
        network(torch.rand(4, 3, 16, 16))
    return sum(kept)


def pair() -> tuple[Network, Network]:
    torch.manual_seed(0)
    plain = Network()
    again = copy.deepcopy(plain)
    checkpoint_activations(again)
    return plain, again


def test_weights_and_statistics_are_those_without() -> None:
    plain, again = pair()
    expected, found = trained(plain), trained(again)
    assert list(expected) == list(found)
    for name, values in expected.items():
        assert torch.equal(found[name], values), name


def test_less_is_kept() -> None:
    plain, again = pair()
    assert bytes_kept(again) < bytes_kept(plain) / 2


def test_a_copy_computes_with_layers_of_its_own() -> None:
    _, again = pair()
    other = copy.deepcopy(again)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()
    images = torch.rand(2, 3, 16, 16)
    assert not again(images).any() and other(images).all()
