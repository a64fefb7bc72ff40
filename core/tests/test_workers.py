"""Worker processes, and what may take their place: order, reports, errors, deaths, and an end without a hang."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from mien import MienError
from mien.workers import TaskDone, WorkerDied, WorkerPool, run_tasks

MODULES = Path(__file__).parent / "modules"
TIMEOUT = 60


@pytest.fixture(scope="module")
def calls() -> Iterator[Any]:
    """The module worker_calls, which workers can import too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(MODULES))
        import worker_calls

        yield worker_calls


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Two workers."""
    with WorkerPool(2, if_killed="Give it less.") as opened:
        yield opened


def workers_alive() -> list[int]:
    """Process ids of this process's workers."""
    return [child.pid for child in psutil.Process().children() if "mien.workers" in " ".join(child.cmdline())]


def wait_for(path: Path) -> str:
    """What is in a file that another process writes."""
    ends = time.monotonic() + TIMEOUT
    while not path.exists():
        assert time.monotonic() < ends
        threading.Event().wait(0.01)
    return path.read_text()


def results(steps: Iterator[Any]) -> list[Any]:
    """What came of the tasks."""
    return [step.result for step in steps if isinstance(step, TaskDone)]


# Tasks


@pytest.mark.parametrize("ahead", [None, 1, 3])
def test_results_come_in_the_order_of_the_tasks_each_after_its_reports(
    calls: Any, pool: WorkerPool, ahead: int | None
) -> None:
    steps = list(run_tasks(pool, calls.Squares(), range(20), ahead))
    done = [step for step in steps if isinstance(step, TaskDone)]
    assert [(step.task, step.result[0]) for step in done] == [(number, number**2) for number in range(20)]
    for step in done:
        places = [steps.index(one) for one in (("begun", step.task), ("squared", step.task), step)]
        assert places == sorted(places)
    assert len(steps) == 60


def test_a_worker_is_made_once_in_a_process_and_kept_from_task_to_task(calls: Any, pool: WorkerPool) -> None:
    squares = results(run_tasks(pool, calls.Squares(), range(20)))
    processes = {process for _, process, _ in squares}
    assert len(processes) <= 2 and os.getpid() not in processes
    for process in processes:
        counts = [count for _, by, count in squares if by == process]
        assert counts == list(range(1, len(counts) + 1))


def test_two_tasks_are_at_work_at_once_and_the_later_one_reports_before_the_earlier_one_is_done(
    calls: Any, pool: WorkerPool, tmp_path: Path
) -> None:
    steps = []
    for step in run_tasks(pool, calls.Waiting(tmp_path / "flag"), ["wait", "start"]):
        steps.append(step)
        if step == "start":  # the earlier one is done only once this is heard
            (tmp_path / "flag").touch()
    assert steps.index("start") < steps.index(TaskDone("wait", "wait")) < steps.index(TaskDone("start", "start"))


def test_no_more_tasks_are_taken_than_may_be_ahead(calls: Any, pool: WorkerPool) -> None:
    tasks = iter(range(100))
    with closing(run_tasks(pool, calls.Squares(), tasks, ahead=4)) as steps:
        next(step for step in steps if isinstance(step, TaskDone))
        assert next(tasks) == 4


def test_processes_are_started_when_there_is_work_for_them(calls: Any) -> None:
    with WorkerPool(8) as pool:
        assert workers_alive() == []
        assert results(run_tasks(pool, calls.Squares(), [])) == []
        assert results(run_tasks(pool, calls.Squares(), [3]))[0][0] == 9
        assert len(workers_alive()) == 1
    assert workers_alive() == []


def test_what_goes_to_and_from_a_worker_may_be_large(pool: WorkerPool) -> None:
    scene = b"scene" * 5_000_000
    assert pool.submit(bytes.upper, scene).result() == b"SCENE" * 5_000_000


def test_a_worker_has_one_thread(calls: Any, pool: WorkerPool) -> None:
    assert pool.submit(calls.threads).result() == (1, "1")


# What goes wrong


def test_what_is_printed_does_not_get_between(calls: Any, pool: WorkerPool, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    assert pool.submit_streaming(heard.append, calls.report_amid_noise).result() == "answer"
    assert heard == [""]  # there was nothing to read
    assert capfd.readouterr() == ("", "")


def test_what_the_user_has_to_mend_comes_with_its_fix(calls: Any, pool: WorkerPool) -> None:
    with pytest.raises(MienError, match="This number is refused") as caught:
        list(run_tasks(pool, calls.Squares(refused=2), range(4)))
    assert caught.value.fix == "mien plugins"
    with pytest.raises(MienError, match="A plugin is missing"):
        list(run_tasks(pool, calls.Unmakeable(), range(4)))


def test_a_defect_comes_with_its_traceback_and_its_task(calls: Any, pool: WorkerPool) -> None:
    with pytest.raises(RuntimeError, match=r"in inverse\n(.|\n)*ZeroDivisionError") as caught:
        list(run_tasks(pool, calls.Calls(), [(calls.inverse, 0)]))
    assert caught.value.__notes__ == [f"It was working on {(calls.inverse, 0)}."]


def test_a_worker_goes_on_after_an_error(calls: Any, pool: WorkerPool) -> None:
    with pytest.raises(RuntimeError, match="SystemExit: 7"):
        pool.submit(sys.exit, 7).result()
    with pytest.raises(RuntimeError, match="pickle"):
        pool.submit(calls.make_function, 1).result()
    with pytest.raises(AttributeError, match="pickle"):
        pool.submit(lambda: 1).result()
    (worker,) = workers_alive()
    assert pool.submit(os.getpid).result() == worker


@pytest.mark.timeout(30)  # a child that is left alone lives for longer
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("SIGSEGV", r"was killed by signal 11 while it worked on .*'SIGSEGV'\)\.\na word before dying\n"),
        ("SIGKILL", r"was killed by signal 9 \(as the system does when memory runs out\) while .*'SIGKILL'\)\.\nGive"),
        ("of itself", r"ended with the status 3 while it worked on .*\na word before dying\n"),
        ("leaves a child", r"ended with the status 3 while it worked on"),
        ("closes its streams", r"was killed by signal 9"),
    ],
)
def test_a_dead_worker_is_told_with_its_task_and_what_it_printed(
    calls: Any, pool: WorkerPool, how: str, told: str
) -> None:
    with pytest.raises(WorkerDied, match=told) as caught:
        list(run_tasks(pool, calls.Calls(), [(calls.die, how)]))
    assert caught.value.fix == "Give it less."


def test_another_worker_takes_the_place_of_a_dead_one(calls: Any, tmp_path: Path) -> None:
    with WorkerPool(1) as pool:
        first, second = (pool.submit(calls.die_once, tmp_path / "flag") for _ in range(2))
        with pytest.raises(WorkerDied, match="status 3"):
            first.result()
        assert second.result() == "alive"


# The end


def test_closing_ends_what_is_at_work_and_cancels_what_waits(calls: Any, tmp_path: Path) -> None:
    with WorkerPool(1) as pool:
        at_work, waiting = pool.submit(calls.stay, tmp_path / "pid"), pool.submit(calls.inverse, 1)
        worker = int(wait_for(tmp_path / "pid"))
    assert not psutil.pid_exists(worker)
    with pytest.raises(WorkerDied):
        at_work.result(TIMEOUT)
    assert waiting.cancelled()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mien-worker")]
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(calls.inverse, 1)


def test_whoever_stops_to_listen_leaves_nothing_at_work(calls: Any, tmp_path: Path) -> None:
    tasks = [(calls.inverse, 1), (calls.stay, tmp_path / "pid"), (calls.inverse, 1)]
    with WorkerPool(1) as pool, closing(run_tasks(pool, calls.Calls(), tasks)) as steps:
        assert next(steps) == TaskDone(tasks[0], 1)
        worker = int(wait_for(tmp_path / "pid"))
    assert not psutil.pid_exists(worker)


def test_ctrl_c_is_not_for_the_workers(calls: Any, pool: WorkerPool) -> None:
    assert pool.submit(calls.interrupt).result() == "still here"


def started(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A script that needs no `if __name__ == "__main__"`, as a process of its own, in a group as a shell starts it."""
    command = [sys.executable, "-c", dedent(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def test_ctrl_c_ends_workers_and_caller_at_once(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        import worker_calls
        from mien.workers import WorkerPool
        with WorkerPool(2) as pool:
            futures = [pool.submit(worker_calls.stay, Path(path)) for path in sys.argv[1:]]
            print(futures[0].result())
    """
    pids = [tmp_path / "0", tmp_path / "1"]
    with started(script, *pids) as caller:
        workers = [int(wait_for(path)) for path in pids]
        os.killpg(caller.pid, signal.SIGINT)
        printed, told = caller.communicate(timeout=TIMEOUT)
    assert printed == ""
    assert told.endswith("KeyboardInterrupt\n") and told.count("Traceback") == 1
    assert not any(psutil.pid_exists(worker) for worker in workers)


def test_a_script_without_a_guard_starts_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        dedent("""
            import worker_calls
            from mien.workers import WorkerPool
            print("once")
            with WorkerPool(2) as pool:
                print(pool.submit(worker_calls.inverse, 4).result())
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    command = [sys.executable, str(script)]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=TIMEOUT, check=True)
    assert (told.stdout, told.stderr) == ("once\n0.25\n", "")


def test_workers_end_when_their_caller_is_killed(tmp_path: Path) -> None:
    script = """
        import os, signal
        from mien.workers import WorkerPool
        pool = WorkerPool(1)
        print(pool.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with started(script) as caller:
        printed, _ = caller.communicate(timeout=TIMEOUT)
    try:
        psutil.Process(int(printed)).wait(TIMEOUT)
    except psutil.NoSuchProcess:
        return


# Executors of somebody else


class Minimal:
    """What an executor has at least: no more than submitit's. Its futures cannot be asked whether they are done."""

    class Call:
        def __init__(self, future: "Future[Any]") -> None:
            self._future = future

        def result(self) -> Any:
            return self._future.result()

        def cancel(self) -> None:
            self._future.cancel()

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self.submitted = 0

    def submit(self, function: Any, /, *args: Any) -> Any:
        self.submitted += 1
        return self.Call(self._executor.submit(function, *args))


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_of_concurrent_futures_gives_the_same(calls: Any, kind: Any) -> None:
    with kind(2) as executor:
        steps = list(run_tasks(executor, calls.Squares(), range(20), ahead=6))
    assert [step for step in steps if not isinstance(step, TaskDone)] == [
        (what, number) for number in range(20) for what in ("begun", "squared")
    ]
    squares = results(iter(steps))
    assert [square for square, _, _ in squares] == [number**2 for number in range(20)]
    assert sum(count == 1 for _, _, count in squares) <= 2  # a worker is kept from task to task here too


def test_an_executor_that_does_no_more_than_it_has_to_will_do(calls: Any) -> None:
    with ThreadPoolExecutor(1) as threads:
        executor = Minimal(threads)
        with closing(run_tasks(executor, calls.Squares(), range(20), ahead=3)) as steps:
            assert next(step for step in steps if isinstance(step, TaskDone)).result[0] == 0
            assert executor.submitted == 3
    with ThreadPoolExecutor(1) as threads:
        assert len(results(run_tasks(Minimal(threads), calls.Squares(), range(20)))) == 20


def test_errors_of_tasks_pass_any_executor_as_they_are(calls: Any) -> None:
    with ProcessPoolExecutor(1) as executor:
        with pytest.raises(MienError, match="This number is refused") as caught:
            list(run_tasks(executor, calls.Squares(refused=2), range(4)))
        assert caught.value.fix == "mien plugins"
        with pytest.raises(RuntimeError, match=r"in inverse\n(.|\n)*ZeroDivisionError") as defect:
            list(run_tasks(executor, calls.Calls(), [(calls.inverse, 0)]))
        assert "inverse" in defect.value.__notes__[0]


def test_an_executor_s_own_error_is_noted_with_the_task(calls: Any) -> None:
    with ProcessPoolExecutor(1) as executor, pytest.raises(Exception, match="process pool") as caught:
        list(run_tasks(executor, calls.Calls(), [(calls.die, "of itself")]))
    assert "of itself" in caught.value.__notes__[0]


def test_what_another_executor_cannot_stop_is_waited_for(calls: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        steps = run_tasks(executor, calls.Waiting(tmp_path / "flag"), ["start", "wait"])
        assert next(steps) == "start"
        while not (tmp_path / "flag.awaited").exists():
            time.sleep(0.01)
        closer = threading.Thread(target=steps.close)
        closer.start()
        closer.join(0.05)
        assert closer.is_alive()
        (tmp_path / "flag").touch()
        closer.join(TIMEOUT)
        assert not closer.is_alive()
