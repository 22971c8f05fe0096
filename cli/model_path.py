"""The type of an argument that takes the path of a model, or the name of an installed one."""

from pathlib import Path
from typing import Any

import click


class ModelPath(click.Path):
    """A path that exists, or a name that `keras-fer models` lists, which becomes the path of that file."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(exists=True, path_type=Path, **settings)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path; a file of that name comes before an installed model."""
        from keras_fer.runtime.shipped_models import shipped_models

        if not Path(value).exists():
            for model in shipped_models():
                if model.name == value:
                    return model.path
        return super().convert(value, param, ctx)
