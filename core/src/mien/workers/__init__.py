"""Work in threads and processes: one engine for preprocessing and evaluation, and what may take its place."""

from mien.workers.executor import Executor, PendingResult, WorkerInit
from mien.workers.pool import WorkerDied, WorkerPool
from mien.workers.tasks import TaskDone, run_tasks

__all__ = ["Executor", "PendingResult", "TaskDone", "WorkerDied", "WorkerInit", "WorkerPool", "run_tasks"]
