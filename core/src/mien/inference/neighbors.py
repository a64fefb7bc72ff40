"""Each of a stream of things with those before and after it."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def with_neighbors(stream: Iterable[T], before: int, after: int) -> Iterator[tuple[Sequence[T], int]]:
    """For each thing, in order: those near it, up to `before` + 1 + `after` of them, and its place among them.

    A thing goes out when those after it have come in, or there are no more; those before it are kept as long as they
    are near. What is near is only valid until the next one is asked for.
    """
    near: deque[T] = deque()
    position = 0
    for thing in stream:
        near.append(thing)
        if len(near) - position > after:
            yield near, position
            position += 1
            if position > before:
                near.popleft()
                position -= 1
    while position < len(near):
        yield near, position
        position += 1
        if position > before:
            near.popleft()
            position -= 1
