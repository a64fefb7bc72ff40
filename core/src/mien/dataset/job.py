"""Having tasks done that are not done yet: shards of earlier runs are taken up, the rest goes to worker processes."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mien.dataset.crew import run_tasks
from mien.dataset.info import FACES
from mien.dataset.messages import Begin, Task
from mien.dataset.recipe import Recipe
from mien.dataset.shard import faces_in
from mien.errors import MienError
from mien.media.files import writing_to
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry
from mien.progress import Progress

_FAILURES_TO_STOP_AT = 64


@dataclass(frozen=True, slots=True)
class Job:
    """What all steps of one call of `preprocess` share."""

    path: Path
    """The DATASET folder."""
    registry: Registry
    workers: int
    progress: Progress

    @property
    def work(self) -> Path:
        """Folder of the shards; gone when the dataset is finished."""
        return self.path / FACES / ".work"

    def do(self, tasks: Sequence[Task], recipe: Recipe, what: str, may_all_fail: bool = False) -> int:
        """Have every task's shard written. Returns how many images, frames or faces were gone through now.

        may_all_fail: whether a few images may all fail, since there are others beside them.

        Raises MienError if a plugin fails on every image, or on the first 64; and as `run_tasks`.
        """
        left = [task for task in tasks if not (self.work / task.key).is_dir()]
        total = sum(task.images for task in tasks)
        continued = total - sum(task.images for task in left)
        self.progress.start(what, total)
        done = measured = failed = 0
        faces = sum(faces_in(self.work / task.key) for task in tasks)
        if continued:
            self.progress.say(f"Going on where it was stopped: {continued} of {total} are done.")
            self.progress.advance(continued, faces=faces)
        with writing_to(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        first_failure, hopeless = "", False
        begin = Begin(self.registry, recipe, self.work)
        with self._told_how_to_go_on(), closing(run_tasks(begin, left, self.workers)) as steps:
            for step in steps:
                done += step.images
                faces += step.faces
                measured += step.readable
                failed += bool(step.failure)
                first_failure = first_failure or step.failure
                self.progress.advance(step.images, faces=faces)
                if hopeless := failed == measured >= _FAILURES_TO_STOP_AT:
                    break
        all_failed = 0 < failed == measured and not continued and not may_all_fail
        if hopeless or all_failed:
            for task in left:  # a failure of everything is to be tried again, not to be remembered
                shutil.rmtree(self.work / task.key, ignore_errors=True)
            raise MienError(
                f"The first {measured} images all failed; the first error was: {first_failure}",
                f"mien plugins show {parse_choices(recipe.extractor)[0].name}",
            )
        return done

    @contextmanager
    def _told_how_to_go_on(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.progress.say("Stopped. What is done is kept: the same command goes on with the rest.")
            raise
