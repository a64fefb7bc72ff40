"""Worker processes, and whatever takes their place: preprocessing and evaluation hand their tasks to one engine."""

from mien.workers.executor import Executor, PendingResult, WorkerInit
from mien.workers.pool import WorkerDied, WorkerPool
from mien.workers.tasks import TaskDone, run_tasks

__all__ = ["Executor", "PendingResult", "TaskDone", "WorkerDied", "WorkerInit", "WorkerPool", "run_tasks"]
