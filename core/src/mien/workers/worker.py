"""A worker process: calls come in, replies go out, and nothing that a plugin prints gets between."""

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from mien.errors import MienError
from mien.workers.messages import (
    Done,
    Message,
    Outcome,
    Request,
    UserError,
    WorkerCrash,
    pickled,
    read_frame,
    write_frame,
)

_made = threading.local()
"""What `do_task` has made in this thread: a foreign executor has no other place where it lasts from task to task."""


def main() -> None:
    """Serve the process that started this one: it sends requests on stdin, and gets replies on stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers
    requests, replies = private_streams()
    try:
        while True:
            _answer(read_frame(requests), replies)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent is gone, and no thread of a plugin is to keep this process alive


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout under other numbers, so that what a plugin prints or reads does not get between.

    Processes that a plugin forks do not have them: they would keep the pipes open when this process is gone.
    """
    sys.stdout.flush()
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    def forget() -> None:
        os.dup2(0, requests.fileno())
        os.dup2(0, replies.fileno())

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    return requests, replies


def do_task(init: bytes, task: Any, report: Callable[[Any], None]) -> Any:
    """Do one task with the worker that the pickled WorkerInit makes; it is kept until another one is asked for."""
    if getattr(_made, "init", None) != init:
        _made.init = None
        _made.worker = pickle.loads(init).make_worker()
        _made.init = init
    return _made.worker(task, report)


def do_task_collecting(init: bytes, task: Any) -> tuple[list[Any], Outcome]:
    """As `do_task`, for executors that give back nothing but what a function returns: all reports come at the end.

    Errors are returned too, since not every executor lets them pass as they are.
    """
    reports: list[Any] = []
    return reports, attempt(do_task, init, task, reports.append)


def attempt(function: Callable[..., Any], *args: Any) -> Outcome:
    """Call a function, and say what came of it. It may raise anything; a plugin may even exit."""
    try:
        return Done(function(*args))
    except MienError as error:
        return UserError(error.message, error.fix)
    except (Exception, SystemExit):
        return WorkerCrash(traceback.format_exc())


def _answer(frame: bytes, replies: BinaryIO) -> None:
    def send(message: Any) -> None:
        write_frame(replies, pickled(Message(message)))

    outcome = attempt(_call, frame, send)
    try:
        reply = pickled(outcome)
    # What a function returns is somebody else's: that it cannot be pickled is said as any other defect is.
    except Exception:
        reply = pickled(WorkerCrash(traceback.format_exc()))
    write_frame(replies, reply)


def _call(frame: bytes, send: Callable[[Any], None]) -> Any:
    request: Request = pickle.loads(frame)
    return request.function(*request.args, *([send] if request.streams else []))
