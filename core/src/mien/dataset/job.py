"""Having tasks done that are not done yet: shards of earlier runs are taken up, the rest goes to the workers."""

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mien.counted import counted
from mien.dataset.info import FACES
from mien.dataset.plan import usable_cores
from mien.dataset.recipe import Recipe
from mien.dataset.shard import faces_in
from mien.dataset.tasks import Advanced, PreprocessInit, Task
from mien.errors import MienError
from mien.media.files import writing_to
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry
from mien.progress import Progress
from mien.workers import Executor, WorkerPool, run_tasks

_FAILURES_TO_STOP_AT = 64
_IF_KILLED = "Run the same command again: what is done is kept. If memory is short, add --workers 1."


@dataclass(frozen=True, slots=True)
class Job:
    """What all steps of one call of `preprocess` share."""

    path: Path
    """The DATASET folder."""
    registry: Registry
    workers: int | None
    progress: Progress
    executor: Executor | None = None
    """What does the work; None: worker processes of this machine."""

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
        first_failure, fix, hopeless = "", "", False
        with self._told_how_to_go_on(), closing(self._steps(left, recipe)) as steps:
            for step in steps:
                done += step.images
                faces += step.faces
                measured += step.readable
                failed += bool(step.failure)
                if step.failure and not first_failure:
                    first_failure, fix = step.failure, step.fix
                self.progress.advance(step.images, faces=faces)
                if hopeless := failed == measured >= _FAILURES_TO_STOP_AT:
                    break
        all_failed = 0 < failed == measured and not continued and not may_all_fail
        if hopeless or all_failed:
            for task in left:  # a failure of everything is to be tried again, not to be remembered
                shutil.rmtree(self.work / task.key, ignore_errors=True)
            raise MienError(
                f"The first {counted(measured, 'image')} all failed; the first error was: {first_failure}",
                fix or f"mien plugins show {parse_choices(recipe.extractor)[0].name}",
            )
        return done

    def _steps(self, tasks: Sequence[Task], recipe: Recipe) -> Generator[Advanced, None, None]:
        init = PreprocessInit(self.registry, recipe, self.work.absolute())
        with ExitStack() as entered:
            if self.executor:
                executor, ahead = self.executor, self.workers
            else:
                executor, ahead = WorkerPool(self.workers or usable_cores(), if_killed=_IF_KILLED), None
                entered.enter_context(executor)
            for step in entered.enter_context(closing(run_tasks(executor, init, tasks, ahead))):
                if isinstance(step, Advanced):
                    yield step

    @contextmanager
    def _told_how_to_go_on(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.progress.say("Stopped. What is done is kept: the same command goes on with the rest.")
            raise
