"""The folder that an ablation leaves behind, and where each thing stands in it."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.folder_lock import folder_lock
from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_settings import AblationRun, differing, settings_hash
from keras_fer.training.config import INPUT_PATHS, TrainingConfig
from keras_fer.training.content_hash import content_hash as uncached_content_hash
from keras_fer.training.run_folder import write_json

CONFIG = "ablation.json"
RUNS = "runs"
LOGS = "logs"
RESULT = "result.json"

# Every run of an ablation asks for the same data sets.
content_hash = functools.cache(uncached_content_hash)


@dataclass(frozen=True)
class AblationFolder:
    """Names and results in the folder of an ablation.

    Args:
        path: of the folder.
    """

    path: Path

    def run_folder(self, run: AblationRun) -> Path:
        """Returns the folder of a run."""
        return self.path / RUNS / run.name

    def training_folder(self, run: AblationRun) -> Path:
        """Returns where a run is trained: an erased one beside the folder that it ends in."""
        home = self.run_folder(run)
        return home.with_name(f"{home.name}-unerased") if run.erase else home

    def training_config(self, run: AblationRun) -> TrainingConfig:
        """Returns the config of a run with its folder, and that of the run whose weights it starts from."""
        config = replace(run.config, output=str(self.training_folder(run)))
        if run.weights_of is not None:
            config = replace(config, weights=str(self.training_folder(run.weights_of)))
        return config

    def log(self, run: AblationRun) -> Path:
        """Returns the file of what the process of a run prints."""
        return self.path / LOGS / f"{run.name}.log"

    def result(self, run: AblationRun) -> dict[str, Any] | None:
        """Returns the result of a run; None where it is not finished.

        Raises:
            FERError: if its file is damaged.
        """
        path = self.run_folder(run) / RESULT
        try:
            result = parsed_json(path.read_text(encoding="utf-8"))
            _require_result(result)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise FERError(
                f"{str(path)!r} cannot be read ({error}). Remove {str(path.parent)!r} to make the run again."
            ) from error
        return result

    def write_result(self, run: AblationRun, values: Mapping[str, Any]) -> None:
        """Writes the result of a run, which makes it finished."""
        settings = run.settings(content_hash)
        write_json(
            self.run_folder(run) / RESULT,
            {
                "name": run.name,
                "variant": run.variant,
                "seed": run.config.seed,
                "settings_hash": settings_hash(settings),
                "settings": settings,
                **values,
            },
        )

    def results(
        self, runs: Sequence[AblationRun], content: Callable[[str], str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Returns the results of the finished runs by name.

        Args:
            runs: those to look for.
            content: from the path of data or weights to a hash of them, such as `content_hash`; None does
                not compare them, and they need not be there then.

        Raises:
            FERError: if a finished run was made with other settings.
        """
        results = {}
        for run in runs:
            result = self.result(run)
            if result is None:
                continue
            ignored = {} if content else dict.fromkeys(INPUT_PATHS)
            settings = run.settings(content or str)
            if changes := differing({**result["settings"], **ignored}, {**settings, **ignored}):
                raise FERError(
                    f"The finished run {run.name!r} in {str(self.path)!r} was made with other settings "
                    f"({'; '.join(changes)}). Name a new output, or remove {str(self.run_folder(run))!r} to "
                    "make it again."
                )
            results[run.name] = result
        return results

    @contextmanager
    def claimed(self, config: AblationConfig) -> Iterator[dict[str, dict[str, Any]]]:
        """Takes the folder for this process, makes it where it is not there, and stores the config.

        Yields:
            The results of the finished runs by name.

        Raises:
            FERError: if the folder holds anything but an ablation, another process works in it, or a
                finished run was made with other settings.
        """
        # A process that was killed early leaves hidden files only.
        if (
            self.path.exists()
            and not (self.path / CONFIG).is_file()
            and (not self.path.is_dir() or any(not name.startswith(".") for name in os.listdir(self.path)))
        ):
            raise FERError(
                f"The output {str(self.path)!r} exists already and is no ablation. Name a new folder."
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FERError(f"The folder {str(self.path)!r} cannot be made: {error.strerror}.") from error
        with folder_lock(self.path):
            results = self.results(config.runs(), content_hash)
            write_json(self.path / CONFIG, config.to_dict())
            for name in (RUNS, LOGS):
                (self.path / name).mkdir(exist_ok=True)
            # Of an erasure that was killed.
            for leftover in (self.path / RUNS).glob(".*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield results


def _require_result(result: Any) -> None:
    """Raises `ValueError` for JSON that no run wrote: what is summed up must be there."""
    if not isinstance(result, dict):
        raise ValueError("it is no object")
    settings, metrics = result.get("settings"), result.get("metrics")
    if not isinstance(settings, dict) or not isinstance(settings.get("objective", {}), dict):
        raise ValueError("it has no settings")
    if not isinstance(metrics, dict) or not all(map(_is_number, metrics.values())):
        raise ValueError("it has no metrics, or one that is no number")
    if not (
        all(map(_is_number, (result.get(name) for name in ("chance", "width", "num_images"))))
        and isinstance(result.get("split"), str)
    ):
        raise ValueError("it does not say on which images it was judged")


def _is_number(value: Any) -> bool:
    # JSON has whole numbers of any size and NaN; neither can be averaged.
    return isinstance(value, int | float) and abs(value) < 1e300
