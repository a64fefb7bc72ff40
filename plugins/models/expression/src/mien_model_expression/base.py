"""What training begins with: each person's face as a linear function of what it does, fitted without a step."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mien.training.batch import resampled

_RIDGE = 0.1
"""Of the mean square of a standardized value: what hardly varies is not trusted to move the face."""


class LinearFace(nn.Module):
    """Driver (N, D) and numbers of people (N,) → images (N, 3, size, size): ridge regression of a person's faces.

    A mean face blurs what moves. This one already closes its lids and opens its mouth, and the network adds what bends
    and what is fine. It is fitted at `side` pixels and enlarged.
    """

    weight: Tensor

    def __init__(self, people: int, driver: int, side: int, size: int) -> None:
        super().__init__()
        self._side, self._size = side, size
        self.register_buffer("weight", torch.zeros(people, driver + 1, 3 * side**2))

    def forward(self, driver: Tensor, people: Tensor) -> Tensor:
        """Draw."""
        with torch.autocast(driver.device.type, enabled=False):
            inputs = _with_constant(driver.float())
            drawn = inputs.new_empty(len(inputs), self.weight.shape[2])
            for person in sorted(set(people.tolist())):
                rows = people == person
                drawn[rows] = inputs[rows] @ self.weight[person]
            faces = drawn.reshape(-1, 3, self._side, self._side)
            return interpolate(faces, size=(self._size, self._size), mode="bicubic")

    def fitting(self, person: int) -> "RidgeRegression":
        """An empty regression of the faces of a person."""
        return RidgeRegression(self, person)

    def at_side(self, images: Tensor) -> Tensor:
        """Images (N, 3, S, S) as they are fitted: float64 (N, 3·side²)."""
        side = min(self._side, images.shape[-1])
        small = resampled(images.float(), side)
        if side < self._side:
            small = interpolate(small, size=(self._side, self._side), mode="bilinear")
        return small.flatten(1).double()


class RidgeRegression:
    """Sums of products, from which the weights of a person follow."""

    def __init__(self, face: LinearFace, person: int) -> None:
        self._face, self._person = face, person
        _, length, values = face.weight.shape
        device = face.weight.device
        self._squares = torch.zeros(length, length, dtype=torch.float64, device=device)
        self._products = torch.zeros(length, values, dtype=torch.float64, device=device)
        self._count = 0.0

    def add(self, driver: Tensor, images: Tensor, counts: Tensor) -> None:
        """Take in faces: what they do (n, D), how they look (n, 3, S, S), and as how many each counts (n,)."""
        inputs = _with_constant(driver.double())
        counted = (inputs * counts.double()[:, None]).T
        self._squares += counted @ inputs
        self._products += counted @ self._face.at_side(images)
        self._count += float(counts.sum())

    def finish(self, usual: Tensor, kept: Tensor) -> None:
        """Set the weights, for inputs of which `kept` (D, D) of what is beside `usual` (D,) is left.

        Without a single face they stay.
        """
        if not self._count:
            return
        change = torch.eye(len(self._squares), dtype=torch.float64, device=usual.device)
        change[:-1, :-1] = kept.T
        change[-1, :-1] = usual - kept.double() @ usual.double()
        squares, products = change.T @ self._squares @ change, change.T @ self._products
        penalty = torch.full((len(self._squares),), _RIDGE * self._count, dtype=torch.float64)
        penalty[-1] = 1e-9 * self._count  # the mean face costs nothing
        penalty = penalty.to(squares.device)
        self._face.weight[self._person] = torch.linalg.solve(squares + penalty.diag(), products).float()


def _with_constant(driver: Tensor) -> Tensor:
    return torch.cat([driver, driver.new_ones(len(driver), 1)], 1)
