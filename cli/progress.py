"""A progress bar on stderr, for functions that report how much is done and how much there is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a function of (done, total) that moves a bar; away from a terminal only the label is shown."""
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True, update_min_steps=1) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function of (stage, done, total) that shows one bar after the other."""
    with ExitStack() as current:
        bars: dict[str, Callable[[int, int], None]] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                current.close()
                bars[stage] = current.enter_context(progress_bar(stage))
            bars[stage](done, total)

        yield progress
