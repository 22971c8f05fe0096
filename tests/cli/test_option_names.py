import click
import pytest

from keras_fer.cli.option_names import fields_as_options
from keras_fer.errors import FERError


@click.command
@click.argument("dataset")
@click.option("--batch-size")
@click.option("--teacher", "teachers")
@click.option("--soft-labels/--hard-labels")
def command(**_):
    """Has options as `train` has them."""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "`batch_size` is 3: batch_size=3",
            "--batch-size is 3: batch_size=3",
        ),
        ("`teachers` and `soft_labels`", "--teacher and --soft-labels"),
        ("`dataset` and `patience` of `a b`", "`dataset` and `patience` of `a b`"),
    ],
)
def test_fields_are_named_as_options(said, shown):
    with pytest.raises(FERError) as failure, fields_as_options(command):
        raise FERError(said)
    assert str(failure.value) == shown


def test_other_errors_pass():
    with pytest.raises(ValueError, match="`batch_size`"), fields_as_options(command):
        raise ValueError("`batch_size`")
