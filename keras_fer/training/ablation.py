"""Makes the runs of an ablation, several at a time, in an order that can be interrupted and resumed."""

import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

from keras_fer.errors import FERError
from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_folder import AblationFolder, content_hash
from keras_fer.training.ablation_process import Worker, start_worker
from keras_fer.training.ablation_report import write_summary
from keras_fer.training.ablation_settings import AblationRun, sharing
from keras_fer.training.ablation_summary import summarize_ablation

Report = Callable[[str], None]


def ablate(config: AblationConfig, output: Path, workers: int = 1, report: Report = print) -> dict[str, Any]:
    """Makes all runs that have no result yet, and sums up after each.

    The summary is written anew after each training, so that it always covers what is finished. A run
    whose process fails stops no other run.

    Args:
        config: what to compare.
        output: folder of the ablation, new or of an earlier call.
        workers: processes that run side by side, each with its share of the cores.
        report: called with one line per finished run.

    Returns:
        What `summarize_ablation` returns for all runs.

    Raises:
        FERError: if the output cannot be used, a finished run was made with other settings, runs failed,
            or Ctrl-C ended the work; the same call then goes on where it stopped.
    """
    if workers < 1:
        raise ValueError(f"`workers` must be at least 1. Received: workers={workers}")
    folder, runs = AblationFolder(output), config.runs()
    for run in runs:
        run.settings(content_hash)  # Opens every data set, before anything is written.
    with folder.claimed(config) as finished:
        groups = [group for group in sharing(runs) if any(run.name not in finished for run in group)]
        report(_plan(runs, finished, groups))
        progress = _Progress(folder, config, len(groups), workers, report, set(finished))
        failures = _run(folder, groups, workers, progress)
        if failures:
            raise FERError(_failed(folder, failures))
        return summarize(config, output)


def summarize(config: AblationConfig, output: Path) -> dict[str, Any]:
    """Sums up what is finished, and writes it; nothing is trained and the data need not be there.

    Raises:
        FERError: if nothing is finished, or a finished run was made with other settings.
    """
    results = AblationFolder(output).results(config.runs())
    if not results:
        raise FERError(f"No run of {str(output)!r} is finished, so there is nothing to sum up.")
    summary = summarize_ablation(config, results)
    write_summary(output, summary)
    return summary


class _Progress:
    """Reports finished runs and how long the others may take."""

    def __init__(
        self,
        folder: AblationFolder,
        config: AblationConfig,
        num_groups: int,
        workers: int,
        report: Report,
        finished: set[str],
    ):
        self._folder = folder
        self._config = config
        self._num_groups = num_groups
        self._workers = workers
        self._report = report
        self._finished = finished
        self._num_runs = len(config.runs())
        self._groups_done = 0
        self._start = time.monotonic()

    def group_done(self, group: Sequence[AblationRun], failure: str | None) -> None:
        """Writes a line for each new result, and one for a failure, and the summary so far."""
        self._groups_done += 1
        for run in group:
            result = self._folder.result(run)
            if result is not None and run.name not in self._finished:
                self._finished.add(run.name)
                scores = result["metrics"]
                self._report(
                    f"[{len(self._finished)}/{self._num_runs}] {run.name}: accuracy "
                    f"{scores['accuracy']:.1%}, leakage {scores['leakage']:.2f}, effective rank "
                    f"{scores['effective_rank']:.0f}, trained in {scores['seconds']:.0f} s{self._left()}"
                )
        if failure is not None:
            self._report(f"Failed: {group[0].name}: {failure}")
        if self._finished:
            summarize(self._config, self._folder.path)

    def _left(self) -> str:
        groups = self._num_groups - self._groups_done
        if not groups:
            return ""
        # With several workers this counts what has ended so far, all of them together.
        seconds = (time.monotonic() - self._start) / self._groups_done * groups
        return f"; about {duration(seconds)} left"


def _run(
    folder: AblationFolder,
    groups: Sequence[list[AblationRun]],
    workers: int,
    progress: _Progress,
) -> dict[str, str]:
    """Runs the groups, `workers` at a time; returns what went wrong by the name of the first run."""
    waiting, failures = list(groups), {}
    running: dict[int, tuple[Worker, list[AblationRun]]] = {}
    try:
        while waiting or running:
            while len(running) < workers and (group := _next(waiting, running)) is not None:
                waiting.remove(group)
                worker = start_worker(folder, group, workers)
                running[worker.sentinel] = (worker, group)
            ended = connection.wait(list(running))
            for sentinel in [sentinel for sentinel in running if sentinel in ended]:
                worker, group = running.pop(sentinel)
                failure = worker.failure()
                if failure is not None:
                    failures[group[0].name] = failure
                progress.group_done(group, failure)
    except KeyboardInterrupt:
        raise FERError(
            f"Interrupted. What is finished is kept in {str(folder.path)!r}: the same command goes on there."
        ) from None
    finally:
        for worker, _ in running.values():
            worker.terminate()
    return failures


def _next(
    waiting: Sequence[list[AblationRun]], running: Mapping[int, tuple[Worker, list[AblationRun]]]
) -> list[AblationRun] | None:
    """Returns the first group whose weights are not still to be trained; one that failed gives none."""
    pending = {run.name for group in (*waiting, *(group for _, group in running.values())) for run in group}
    for group in waiting:
        source = group[0].weights_of
        if source is None or source.name not in pending:
            return group
    return None


def _plan(
    runs: Sequence[AblationRun], finished: Mapping[str, Any], groups: Sequence[Sequence[AblationRun]]
) -> str:
    text = f"{len(runs)} runs"
    if finished:
        text += f", {len(finished)} of them finished"
    return f"{text}; {len(groups)} trainings to do."


def _failed(folder: AblationFolder, failures: Mapping[str, str]) -> str:
    name, reason = next(iter(failures.items()))
    others = f" and {len(failures) - 1} others" if len(failures) > 1 else ""
    return (
        f"{name!r}{others} failed: {reason.rstrip('.')}. The logs are in {str(folder.path / 'logs')!r}; the "
        "same command tries again what failed."
    )


def duration(seconds: float) -> str:
    """Writes a time for people, such as `"45 s"`, `"12 min"` or `"3 h 20 min"`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
