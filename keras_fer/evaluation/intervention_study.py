"""What a model makes of rendered faces: swaps, changes of one factor, neighbours, and pictures of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import GENERATOR_VERSION
from keras_fer.evaluation.embedding import embedding
from keras_fer.evaluation.embedding_figure import Cloud, embedding_figure
from keras_fer.evaluation.face_codec import EXPRESSION, NON_EXPRESSION, encoder, face_codec
from keras_fer.evaluation.gallery import Gallery, rendered_gallery
from keras_fer.evaluation.interventions import Sensitivity, measure_interventions
from keras_fer.evaluation.markup import Html
from keras_fer.evaluation.neighbour_pictures import neighbour_sheet
from keras_fer.evaluation.oracle import OracleConfig, trained_oracle
from keras_fer.evaluation.retrieval import Retrieval, retrieval
from keras_fer.evaluation.swap import SwapResult, swap_test
from keras_fer.evaluation.swap_pictures import swap_grid, traversal
from keras_fer.labels import EXPRESSIONS_8

NO_DECODER = (
    "The model has no decoder (its objective reconstructs nothing), so there is no swap test and no walk; "
    "everything else stands."
)
_NAMED_PEOPLE = 10

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
        options: what was rendered.
        swap: the swap test; None for a model without a decoder.
        interventions: a row per representation and factor.
        retrieval: two rows per representation: same expression, same person.
        pictures: PNG files by name without suffix: `neighbours`, and with a decoder `swap_grid` and
            `traversal`.
        figure: the maps of both representations, SVG.
        notes: sentences that a reader must not miss.
    """

    options: StudyOptions
    swap: SwapResult | None
    interventions: Sequence[Sensitivity]
    retrieval: Sequence[Retrieval]
    pictures: Mapping[str, bytes]
    figure: Html
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers as plain JSON types; pictures are files of their own."""
        return {
            "faces": self.options.to_dict(),
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
            [codes[EXPRESSION][gallery.labels == label].mean(axis=0) for label in range(len(EXPRESSIONS_8))]
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
        _maps(gallery, codes, options.seed, stage("Drawing maps")),
        (*notes, *more_notes),
    )


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


def _maps(
    gallery: Gallery,
    codes: Mapping[str, np.ndarray],
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Html:
    """Both representations, coloured by expression and by person."""
    titles = {
        EXPRESSION: ("Expression representation", ("colours should part", "colours should mix")),
        NON_EXPRESSION: ("Non-expression representation", ("colours should mix", "colours may part")),
    }
    places = {}
    for done, name in enumerate(titles, start=1):
        places[name] = embedding(codes[name], seed)
        if progress is not None:
            progress(done, len(titles))
    people = np.where(gallery.people < _NAMED_PEOPLE, gallery.people, -1)
    named = [f"person {number + 1}" for number in range(min(_NAMED_PEOPLE, int(gallery.people.max()) + 1))]
    colourings = (("expression", gallery.labels, list(EXPRESSIONS_8)), ("person", people, named))
    rows = [
        [
            Cloud(title, f"coloured by {what}: {hints[number]}", places[name], groups, names)
            for name, (title, hints) in titles.items()
        ]
        for number, (what, groups, names) in enumerate(colourings)
    ]
    return embedding_figure(rows, "Maps of both representations, coloured by expression and by person")
