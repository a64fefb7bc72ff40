"""Having tasks done that are not done yet: shards of earlier runs are taken up, the rest goes to worker processes."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mien.dataset.crew import run_tasks
from mien.dataset.info import FACES
from mien.dataset.messages import Begin, Task
from mien.dataset.recipe import Recipe
from mien.errors import MienError
from mien.files import writing_to
from mien.progress import Progress
from mien.registry import Registry

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
        """Have every task's shard written. Returns how many pictures, frames or faces were gone through now.

        Raises MienError if a plugin fails on every picture, unless that may be; and as `run_tasks`.
        """
        left = [task for task in tasks if not (self.work / task.key).is_dir()]
        total = sum(task.pictures for task in tasks)
        continued = total - sum(task.pictures for task in left)
        self.progress.start(what, total)
        if continued:
            self.progress.say(f"Going on where it was stopped: {continued} of {total} are done.")
            self.progress.advance(continued)
        with writing_to(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        done = measured = failed = faces = 0
        first_failure = ""
        with closing(run_tasks(Begin(self.registry, recipe, self.work), left, self.workers)) as steps:
            for step in steps:
                done += step.pictures
                faces += step.faces
                measured += step.readable
                failed += bool(step.failure)
                first_failure = first_failure or step.failure
                self.progress.advance(step.pictures, faces=faces)
                if failed == measured >= _FAILURES_TO_STOP_AT:
                    break
        if failed and failed == measured and not continued and not may_all_fail:
            for task in left:  # a failure of everything is to be tried again, not to be remembered
                shutil.rmtree(self.work / task.key, ignore_errors=True)
            raise MienError(
                f"All of the first {measured} pictures failed. The first: {first_failure}",
                f"mien plugins show {recipe.extractor.partition(':')[0]}",
            )
        return done
