"""`keras-fer train`."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from keras_fer.cli.idle_options import require_no_idle_options
from keras_fer.cli.option_groups import GroupedCommand
from keras_fer.cli.option_names import fields_as_options
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.cli.training_options import BALANCED, OPTION_GROUPS, training_options
from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.models.objective import PRESETS, Objective
from keras_fer.training.cluster import START_LIMIT_S, Cluster, ProcessEndedError, require_cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.run_folder import FILLED_IN, RECORDED
from keras_fer.training.tf_config import VARIABLE, tf_config_cluster

_TEACHERS = "First the teachers answer for every training image, as it is and mirrored."


def _unless_resumed(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is None and context.params.get("stopped") is None and not context.resilient_parsing:
        raise click.UsageError(f"Missing argument '{str(parameter.name).upper()}'.", context)
    return value


@click.command("train", cls=GroupedCommand, option_groups=OPTION_GROUPS)
@click.argument("dataset", type=click.Path(path_type=Path), required=False, callback=_unless_resumed)
@click.argument("run", type=click.Path(path_type=Path), required=False, callback=_unless_resumed)
@click.option(
    "--resume",
    "stopped",
    is_eager=True,  # Whether the arguments may be missing depends on it.
    type=click.Path(path_type=Path),
    help="Go on with this run, which was killed or interrupted, as it began; DATASET and RUN are left out.",
)
@click.option(
    "--finish",
    is_flag=True,
    help="With --resume: train no more. The best model so far is the result, and the run does not go on.",
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Objective.  [default: paper]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start from the config.json of another run; other options change it.",
)
@click.option(
    "--cluster",
    "addresses",
    metavar="HOST:PORT,...",
    help="Address of every process that shares each batch; the command is started in all of them. Default: "
    "what TF_CONFIG says.",
)
@click.option("--worker", type=click.IntRange(min=0), help="Number of this process in --cluster, from 0.")
@click.option("--progress/--no-progress", default=None, help="Show each step.  [default: on a terminal]")
@training_options
@click.pass_context
def command(
    context: click.Context,
    dataset: Path,
    run: Path,
    stopped: Path | None,
    finish: bool,
    config_file: Path | None,
    progress: bool | None,
    addresses: str | None,
    worker: int | None,
    **options: Any,
) -> None:
    """Train on the prepared data set DATASET.

    Leaves the folder RUN: the best and the last model, config, history, TensorBoard logs, contract,
    evaluation on the test split and report.html. Ctrl-C after the first epoch ends training early and
    keeps all that; --resume goes on with a run that was stopped in any way, and ends where it would have
    ended. With --mixed-dataset, such as pairs of synthetic faces, each batch holds rows of two
    data sets; labels are mapped by name, and DATASET alone is validated and tested on. With --factors each
    known factor gets a representation of its own, and critics chase it out of all others.

    \b
        keras-fer train prepared/ferplus runs/paper --preset paper --epochs 14
        keras-fer train prepared/ferplus runs/mixed --preset disentangle_pairs --mixed-dataset prepared/pairs
        keras-fer train prepared/faces runs/factors --preset disentangle --factors expression,identity,pose
        keras-fer train prepared/ferplus runs/again --config runs/paper/config.json --seed 1
        keras-fer train prepared/ferplus runs/both --cluster one:2222,two:2222 --worker 0
        keras-fer train --resume runs/paper
        keras-fer train --resume runs/paper --finish
    """
    cluster = _cluster(addresses, worker)
    if stopped is not None:
        _require_alone(context)
        if finish and addresses is not None:
            raise click.UsageError("--finish trains no more, so nothing is shared: leave out --cluster.")
        if finish:
            _finish(stopped)
        else:
            _resume(stopped, progress, cluster)
        return
    if finish:
        raise click.UsageError("--finish ends a run that was stopped; name it with --resume.")
    with fields_as_options(context.command):
        _train(dataset, run, config_file, options, progress, cluster)


def _train(
    dataset: Path,
    run: Path,
    config_file: Path | None,
    options: dict[str, Any],
    progress: bool | None,
    cluster: Cluster | None,
) -> None:
    # Refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.data.sampling import balancing_weights
    from keras_fer.training.checkpoint_folder import require_new_run

    if options["class_weights"] == BALANCED:
        options["class_weights"] = balancing_weights(open_prepared(dataset).class_counts("train"))
    options["workers"] = 1 if cluster is None else cluster.num_workers
    config = _config(dataset, run, config_file, options)
    if cluster is None or cluster.is_chief:
        require_new_run(run)
    sources = [open_prepared(folder) for folder in (dataset, config.mixed_dataset) if folder is not None]
    config.objective().require_classes(len(sources[0].label_names))
    if config.factors is not None:
        from keras_fer.training.known_factors import require_known

        require_known(config.factors, sources)
    load_tensorflow()
    from keras_fer.training.fit import fit

    if config.teachers:
        click.echo(_TEACHERS)
    with _announced(cluster):
        result = fit(config, [_lines(progress, cluster)], verbose=0, cluster=cluster)
        _conclude(result, config, cluster)


def _cluster(addresses: str | None, worker: int | None) -> Cluster | None:
    """Returns the processes that the options name, or else those of TF_CONFIG; None for this one alone."""
    if (addresses is None) != (worker is None):
        raise FERError(
            "`--cluster` says where all processes are and `--worker` which is this one: give both."
        )
    found = os.environ.get(VARIABLE, "")
    if addresses is None or worker is None:
        return tf_config_cluster(found) if found else None
    if found:
        raise FERError(f"Both --cluster and {VARIABLE} say where the processes are: leave out one of them.")
    return Cluster(tuple(address.strip() for address in addresses.split(",")), worker)


@contextmanager
def _announced(cluster: Cluster | None) -> Iterator[None]:
    """Says who takes part; ends this process at once where another has ended."""
    if cluster is not None:
        click.echo(
            f"Process {cluster.worker} of {', '.join(cluster.addresses)}; the others are waited for, for at "
            f"most {START_LIMIT_S // 60} minutes."
        )
    try:
        yield
    except ProcessEndedError as error:
        click.echo(f"Error: {error}", err=True)
        _leave(1)


def _leave(status: int) -> None:
    """Ends this process where others of its cluster do not take part: TensorFlow would wait for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _lines(progress: bool | None, cluster: Cluster | None) -> Any:
    from keras_fer.training.epoch_lines import EpochLines

    return EpochLines(live=progress, prefix="" if cluster is None else f"process {cluster.worker}: ")


def _require_alone(context: click.Context) -> None:
    """A run goes on as it began: `--resume` takes what is shown and who takes part."""
    given = [
        parameter.human_readable_name if parameter.param_type_name == "argument" else parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        and parameter.name not in ("stopped", "finish", "progress", "addresses", "worker")
    ]
    if given:
        raise FERError(
            f"A run goes on with the config that it began with: leave out {', '.join(given)} beside --resume."
        )


def _finish(run: Path) -> None:
    # Refused before TensorFlow loads.
    from keras_fer.training.resume import end_training, stopped_run

    config = stopped_run(run).config
    load_tensorflow()
    _evaluate(end_training(run), config.validation_split)


def _resume(run: Path, progress: bool | None, cluster: Cluster | None) -> None:
    # Refused before TensorFlow loads.
    from keras_fer.training.resume import stopped_run

    found = stopped_run(run)
    if not found.trained:
        require_cluster(found.config, cluster)
    elif cluster is not None and not cluster.is_chief:
        click.echo("Training had ended; process 0 evaluates, alone.")
        return
    load_tensorflow()
    from keras_fer.training.resume import resume

    if found.trained:
        click.echo("Training had ended; the evaluation follows.")
    elif found.epochs_done:
        click.echo(f"Training goes on after epoch {found.epochs_done} of {found.config.epochs}.")
    else:
        click.echo("Training was stopped before the first epoch ended, and starts anew.")
    if found.config.teachers and not found.trained:
        click.echo(_TEACHERS)
    if found.trained:
        cluster = None
    with _announced(cluster):
        result = resume(run, [_lines(progress, cluster)], verbose=0, cluster=cluster)
        _conclude(result, found.config, cluster)


def _conclude(result: Any, config: TrainingConfig, cluster: Cluster | None) -> None:
    """Evaluates what training left, and says what came of it; in a cluster the chief does."""
    if cluster is None or cluster.is_chief:
        _evaluate(result, config.validation_split)
    elif result.interrupted:
        click.echo(
            f"Interrupted; the others end too. `keras-fer train --resume {config.output}`, started in all of "
            "them, goes on."
        )
    else:
        click.echo("Training has ended; process 0 evaluates, and has the run folder.")
    # After Ctrl-C the others are still training.
    if cluster is not None and result.interrupted:
        _leave(0)
    if cluster is not None:
        cluster.meet(config)


def _evaluate(result: Any, validation_split: str) -> None:
    from keras_fer.training.finish import finish

    ended = "Interrupted; the" if result.interrupted else "The"
    click.echo(
        f"{ended} best epoch was {result.best_epoch}, with {result.best_accuracy:.2%} on the "
        f"{validation_split} split."
    )
    if result.interrupted:
        # Before the evaluation, which another Ctrl-C ends.
        click.echo(f"To go on with it: keras-fer train --resume {result.folder}")
    evaluation = finish(result.folder)
    low, high = evaluation.accuracy_interval
    click.echo(
        f"Accuracy on {evaluation.num_images} images of the {evaluation.split} split: "
        f"{evaluation.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})."
    )
    click.echo(f"Report: {result.folder / 'report.html'}")


def _config(dataset: Path, run: Path, config_file: Path | None, options: dict[str, Any]) -> TrainingConfig:
    values: dict[str, Any] = {}
    if config_file is not None:
        try:
            stored = parsed_json(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FERError(f"{str(config_file)!r} is not the config.json of a run: {error}") from error
        is_config = isinstance(stored, dict) and "preset" in stored
        if not is_config or not isinstance(stored.get("objective_changes", {}), dict):
            raise FERError(
                f"{str(config_file)!r} is not the config.json of a run: it is another kind of JSON."
            )
        values = _settings(config_file, stored)
    # An option that may be given several times is empty, not None, where it is not given.
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    changes = {name: given.pop(name) for name in list(given) if name in Objective.__dataclass_fields__}
    values["objective_changes"] = {**values.get("objective_changes", {}), **changes}
    config = TrainingConfig.from_dict({**values, **given, "dataset": str(dataset), "output": str(run)})
    require_no_idle_options([*given, *changes], config)
    return config


def _settings(file: Path, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a config.json, without what a run records beside them."""
    known = set(TrainingConfig.__dataclass_fields__)
    if unknown := sorted(set(stored) - known - RECORDED):
        similar = get_close_matches(unknown[0], sorted(known), n=1)
        hint = f" Did you mean {similar[0]!r}?" if similar else ""
        raise FERError(f"{str(file)!r} names {unknown[0]!r}, which is no setting of a training.{hint}")
    values = {name: value for name, value in stored.items() if name in known}
    own = TrainingConfig.from_dict({**values, "dataset": "", "output": ""}).objective().to_dict()
    recorded = stored.get("objective")
    for name, value in recorded.items() if isinstance(recorded, dict) else ():
        if name in own and name not in FILLED_IN and own[name] != value:
            raise FERError(
                f"`objective` in {str(file)!r} has {name}={value!r}, but is only a record: the preset and "
                f"`objective_changes` give {own[name]!r}. Write the change into `objective_changes`."
            )
    return values
