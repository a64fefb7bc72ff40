"""Stages of work in threads, one after the other: in order, with little in flight, and an end without a hang.

A stage is a generator over the stage before it. Whoever builds the chain closes its stages, the last one first
(`contextlib.closing`); then an error or Ctrl-C anywhere ends all threads. Errors arrive where the results would.
"""

import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD, AHEAD_BYTES = 24, 1 << 27


class _End:
    """What comes after the last item."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(items: Iterable[T], ahead: int) -> Generator[T, None, None]:
    """The same items, taken in a thread of its own, at most `ahead` ≥ 1 of them before they are wanted."""
    slots: queue.Queue[T | _End] = queue.Queue(ahead)
    stopped = threading.Event()

    def fetch() -> None:
        try:
            for item in items:
                slots.put(item)
                if stopped.is_set():
                    return
            slots.put(_End())
        # Whatever ends the thread has to be heard where the items are wanted.
        except BaseException as error:
            slots.put(_End(error))

    thread = threading.Thread(target=fetch, name="mien-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := slots.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        # Once emptied, the queue has room for the one thing that the thread may still put before it sees the event.
        while not slots.empty():
            slots.get_nowait()
        thread.join()


def ordered_map(function: Callable[[T], R], items: Iterable[T], workers: int, ahead: int) -> Generator[R, None, None]:
    """function(item) for each item, in the order of the items, by several threads; at most `ahead` items in work."""
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="mien-map") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def ahead_of(item_bytes: int, threads: int) -> int:
    """How many items of that size `ordered_map` should keep in work, where some take ten times as long as others.

    While one of these is waited for, the other threads go on with those behind it; within `AHEAD_BYTES` of memory, and
    two for each thread at least.
    """
    return max(2 * threads, min(AHEAD, AHEAD_BYTES // max(1, item_bytes)))


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """torch and OpenCV compute with so many threads for each of those that call them, as long as the block runs.

    By default each calls as many as there are cores. Where several threads call them at once, those wait for one
    another, and torch's do so at full speed: with two of each on two cores a recognizer takes ten times as long. It
    holds for the whole process, for threads that begin within the block, and for the one that runs it.
    """
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


class Pool(Generic[T]):
    """Instances of which each is used by one thread at a time.

    make: makes one; the first is made at once, so that its errors come early, the others when they are needed.
    """

    def __init__(self, make: Callable[[], T], at_most: int) -> None:
        self._make = make
        self._left_to_make = threading.Semaphore(at_most - 1)
        self._free: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._free.put(make())

    @contextmanager
    def borrowed(self) -> Iterator[T]:
        """One of them; waits until one is free."""
        instance = self._next_free()
        try:
            yield instance
        finally:
            self._free.put(instance)

    def _next_free(self) -> T:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            return self._make() if self._left_to_make.acquire(blocking=False) else self._free.get()


class Stopwatch:
    """How long each stage was at work, over all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @property
    def seconds(self) -> dict[str, float]:
        """Stage → seconds, up to now."""
        with self._lock:
            return dict(self._seconds)

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Count the block's time to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            with self._lock:
                self._seconds[stage] += elapsed

    def over(self, stage: str, items: Iterable[T]) -> Generator[T, None, None]:
        """The same items; the time that each takes to come is counted to a stage."""
        iterator = iter(items)
        while True:
            with self.running(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
