"""What a model makes of faces: swaps, changes of one factor, neighbours, maps, and pictures of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.random_part import random_part
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import GENERATOR_VERSION
from keras_fer.errors import FERError
from keras_fer.evaluation.face_codec import encoder, face_codec
from keras_fer.evaluation.gallery import Gallery, rendered_gallery
from keras_fer.evaluation.interventions import Sensitivity, measure_interventions
from keras_fer.evaluation.leakage import keras_representation_function, representations
from keras_fer.evaluation.neighbour_pictures import neighbour_sheet
from keras_fer.evaluation.oracle import OracleConfig, trained_oracle
from keras_fer.evaluation.representation_maps import representation_maps
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION
from keras_fer.evaluation.retrieval import Retrieval, retrieval
from keras_fer.evaluation.swap import SwapResult, swap_test
from keras_fer.evaluation.swap_pictures import swap_grid, traversal
from keras_fer.field_types import require_field_types
from keras_fer.labels import EXPRESSIONS_8

NO_DECODER = (
    "The model has no decoder (its objective reconstructs nothing), so there is no swap test and no walk; "
    "everything else stands."
)
MAPS_ALONE = (
    "The run learned from images whose factors cannot be changed one at a time, so there are maps of its own "
    "images and nothing else; swaps and interventions need rendered faces (--difficulty)."
)
_MOST_MAPPED = 1000

# Called with the name of a stage, how much of it is done and how much there is.
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class StudyOptions:
    """What is rendered.

    Args:
        difficulty: of the faces.
        image_size: pixels per side of a render, 32 to 256.
        num_pairs: pairs of the swap test, and pairs per factor, at least 2.
        num_oracle_images: renders that the oracle learns from.
        seed: of people, pictures, intervals and maps.
        num_people: people of the swap test, whom the oracle tells apart.
        pictures_each: pictures per person and expression in the gallery.
    """

    difficulty: str
    image_size: int
    num_pairs: int = 1000
    num_oracle_images: int = 8000
    seed: int = 0
    num_people: int = 20
    pictures_each: int = 4

    @property
    def faces(self) -> SyntheticConfig:
        """The faces that are rendered."""
        return SyntheticConfig(image_size=self.image_size, difficulty=self.difficulty, seed=self.seed)

    @property
    def gallery_people(self) -> int:
        """People of the gallery: one per 21 pairs, 8 to 48, so that small trials stay small."""
        return min(48, max(8, -(-self.num_pairs // 21)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the options and what follows from them as plain JSON types."""
        return {
            **asdict(self),
            "gallery_people": self.gallery_people,
            "gallery_images": self.gallery_people * self.pictures_each * len(EXPRESSIONS_8),
            "generator_version": GENERATOR_VERSION,
        }


@dataclass(frozen=True, eq=False)
class InterventionStudy:
    """Everything that was found.

    Args:
        options: what was rendered; None where the data set's own images were looked at.
        swap: the swap test; None for a model without a decoder.
        interventions: a row per representation and factor; empty without renders.
        retrieval: two rows per representation: same expression, same person; empty without renders.
        pictures: PNG files by name without suffix: `neighbours`, and with a decoder `swap_grid` and
            `traversal`; none without renders.
        figure: the maps of both representations, the text of an SVG file.
        notes: sentences that a reader must not miss.
    """

    options: StudyOptions | None
    swap: SwapResult | None
    interventions: Sequence[Sensitivity]
    retrieval: Sequence[Retrieval]
    pictures: Mapping[str, bytes]
    figure: str
    notes: Sequence[str] = ()

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], pictures: Mapping[str, bytes], figure: str
    ) -> "InterventionStudy":
        """Builds a study from what `to_dict` returned, and from its pictures."""
        faces, swap = values["faces"], values["swap"]
        require_field_types(StudyOptions, faces or {}, "What was rendered")
        require_field_types(cls, {"notes": values["notes"]}, "A study")
        given = [item.name for item in fields(StudyOptions)]
        rows = [Sensitivity.from_dict(row) for row in values["interventions"]]
        cells = {(row.representation, row.factor) for row in rows}
        if cells and len(cells) < math.prod(len(set(names)) for names in zip(*cells, strict=True)):
            raise FERError("A factor was not changed for each representation.")
        return cls(
            None if faces is None else StudyOptions(**{name: faces[name] for name in given}),
            None if swap is None else SwapResult.from_dict(swap),
            rows,
            [Retrieval.from_dict(row) for row in values["retrieval"]],
            dict(pictures),
            figure,
            tuple(values["notes"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers as plain JSON types; pictures are files of their own."""
        return {
            "faces": None if self.options is None else self.options.to_dict(),
            "swap": None if self.swap is None else self.swap.to_dict(),
            "interventions": [row.to_dict() for row in self.interventions],
            "retrieval": [row.to_dict() for row in self.retrieval],
            "notes": list(self.notes),
        }


def intervention_study(
    model: Any,
    options: StudyOptions,
    cache: Path | None = None,
    notes: Sequence[str] = (),
    num_workers: int | None = 1,
    progress: StageProgress | None = None,
) -> InterventionStudy:
    """Renders faces of people whom the model never saw, and looks at what it makes of them.

    Args:
        model: a `DisentanglingModel`.
        options: what to render.
        cache: folder that keeps the oracle for the next call; None keeps none.
        notes: to be kept with the result.
        num_workers: processes that render; None for all cores.
        progress: see `StageProgress`.
    """

    def stage(name: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, name)

    encode, faces, codec = encoder(model), options.faces, face_codec(model)
    interventions = measure_interventions(
        encode, faces, options.num_pairs, num_workers=num_workers, progress=stage("Changing one factor")
    )
    gallery = rendered_gallery(
        faces, options.gallery_people, options.pictures_each, stage("Looking for neighbours")
    )
    codes = dict(encode(gallery.images))
    swap, pictures, more_notes = None, {"neighbours": neighbour_sheet(gallery, codes)}, [NO_DECODER]
    if codec is not None:
        oracle = trained_oracle(
            OracleConfig(
                options.difficulty,
                options.image_size,
                model.contract.image_size,
                codec.picture_shape[0],
                options.num_people,
                options.num_oracle_images,
                options.seed,
            ),
            codec.targets,
            cache,
            stage("Teaching the oracle"),
        )
        means = np.stack(
            [
                codes[EXPRESSION_REPRESENTATION][gallery.labels == label].mean(axis=0)
                for label in range(len(EXPRESSIONS_8))
            ]
        )
        swap = swap_test(
            codec,
            oracle,
            faces,
            means.mean(axis=0),
            options.num_pairs,
            options.num_people,
            stage("Swapping expressions"),
        )
        pictures |= {"swap_grid": swap_grid(codec, faces), "traversal": traversal(codec, faces, means)}
        more_notes = []
    return InterventionStudy(
        options,
        swap,
        interventions,
        retrieval_rows(gallery, codes, options.seed),
        pictures,
        representation_maps(
            codes, gallery.labels, EXPRESSIONS_8, gallery.people, options.seed, stage("Drawing maps")
        ),
        (*notes, *more_notes),
    )


def dataset_study(
    model: Any,
    dataset: PreparedDataset,
    seed: int = 0,
    progress: StageProgress | None = None,
) -> InterventionStudy:
    """Draws the maps of a data set's own images, which have no factor that could be changed alone.

    Args:
        model: a `DisentanglingModel`.
        dataset: a prepared data set; up to 1,000 images of its test split are drawn at random, of its
            validation split where it has no test split.
        seed: of the choice and of the maps.
        progress: see `StageProgress`.

    Raises:
        FERError: if the split has fewer than 8 images.
    """
    split = dataset.judged_split
    rows = dataset.indices(split)
    if len(rows) < 8:
        raise FERError(
            f"The data set {str(dataset.path)!r} has {len(rows)} images in its {split} split, and a map "
            "needs 8. Prepare it with more, or choose rendered faces with --difficulty."
        )
    rows = random_part(rows, _MOST_MAPPED, seed)
    codes = representations(
        keras_representation_function(model),
        dataset,
        rows,
        model.contract.image_size,
        progress=None if progress is None else partial(progress, "Looking at images"),
    )
    maps = representation_maps(
        codes,
        dataset.labels[rows],
        dataset.label_names,
        dataset.subjects[rows],
        seed,
        None if progress is None else partial(progress, "Drawing maps"),
    )
    note = f"{MAPS_ALONE} They show {len(rows):,} images of the {split} split."
    return InterventionStudy(None, None, (), (), {}, str(maps), (note,))


def retrieval_rows(gallery: Gallery, codes: Mapping[str, np.ndarray], seed: int = 0) -> list[Retrieval]:
    """Asks every representation for the nearest face of another person, and with another expression.

    Args:
        gallery: the pictures.
        codes: their representations by name, `(n, width)` each.
        seed: of the intervals, over people.

    Returns:
        Two rows per representation.
    """
    rows = []
    for name, values in codes.items():
        ask = partial(retrieval, values, redrawn=gallery.people, representation=name, seed=seed)
        rows += [
            ask(gallery.labels, gallery.people, wanted="expression", among_other="identity"),
            ask(gallery.people, gallery.labels, wanted="identity", among_other="expression"),
        ]
    return rows
