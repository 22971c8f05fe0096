"""Errors about the fields of a config, in the words of the command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import click

from keras_fer.errors import FERError


@contextmanager
def fields_as_options(command: click.Command) -> Iterator[None]:
    """Names the options of a command in an error that names the fields which they set, in backticks.

    Raises:
        FERError: as it was raised within, with `--batch-size` for each field `batch_size`.
    """
    try:
        yield
    except FERError as error:
        if type(error) is not FERError:
            raise
        options = {
            parameter.name: parameter.opts[0]
            for parameter in command.params
            if parameter.param_type_name == "option"
        }
        text = re.sub(r"`(\w+)`", lambda match: options.get(match[1], match[0]), str(error))
        raise FERError(text) from error
