"""A worker process: tasks come in, replies go out, and nothing that a plugin prints gets between."""

import os
import pickle
import signal
import sys
import traceback
from typing import BinaryIO

import cv2

from mien.dataset.chunk import Chunk
from mien.dataset.messages import Begin, Crashed, Finished, Refused, Reply
from mien.dataset.worker import ChunkWorker
from mien.errors import MienError


def main() -> None:
    """Serve the process that started this one: it sends a Begin and tasks on stdin, and gets replies on stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers
    tasks, replies = private_streams()
    cv2.setNumThreads(1)
    try:
        begin: Begin = pickle.load(tasks)
        worker = None
        while True:
            task = pickle.load(tasks)
            if isinstance(task, Chunk):
                worker = worker or ChunkWorker(begin.registry, begin.recipe)
                worker.do(task, begin, lambda reply: _send(replies, reply))
            else:
                from mien.dataset.remeasure import remeasure  # loads pyarrow, which chunks do without

                remeasure(task, begin, lambda reply: _send(replies, reply))
            _send(replies, Finished())
    except EOFError:
        return
    except BrokenPipeError:  # the parent is gone
        return
    except MienError as error:
        _send(replies, Refused(error.message, error.fix))
    except Exception:
        _send(replies, Crashed(traceback.format_exc()))


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout under other numbers, so that what a plugin prints or reads does not get between."""
    sys.stdout.flush()
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return tasks, replies


def _send(replies: BinaryIO, reply: Reply) -> None:
    pickle.dump(reply, replies)
    replies.flush()
