import click

from keras_fer.cli.option_groups import option_records
from keras_fer.cli.train import command
from keras_fer.cli.training_options import CONFIG_OPTIONS, OBJECTIVE_OPTIONS, OPTION_GROUPS
from keras_fer.models.objective import Objective
from keras_fer.training.config import TrainingConfig


def test_every_option_is_a_field():
    assert set(CONFIG_OPTIONS) <= set(TrainingConfig.__dataclass_fields__)
    assert set(OBJECTIVE_OPTIONS) <= set(Objective.__dataclass_fields__)


def test_each_option_of_train_has_its_place():
    names = [name for group in OPTION_GROUPS.values() for name in group]
    assert len(names) == len(set(names))
    others = option_records(command, click.Context(command))["Options"]
    flags = [flag.split()[0] for flag, _ in others]
    assert flags == ["--resume", "--finish", "--preset", "--config", "--progress", "--probe-every"]
