"""The model of several known factors, each with a representation that the others are chased out of."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_fer.contract import ModelContract
from keras_fer.models import factor_losses, losses
from keras_fer.models.critic_panel import CriticPanel
from keras_fer.models.critics import critic_bank
from keras_fer.models.effective_rank import EffectiveRank
from keras_fer.models.factor_branches import in_units
from keras_fer.models.factor_targets import encoded_targets
from keras_fer.models.factor_terms import (
    critic_terms,
    decorrelation_term,
    factor_terms,
    reconstruction_term,
    row_weights,
)
from keras_fer.models.factors import EXPRESSION, RESIDUAL, Factor, chases, require_factors
from keras_fer.models.masks import mask
from keras_fer.models.objective import Objective
from keras_fer.models.replicas import num_replicas
from keras_fer.models.side_by_side import side_by_side, split
from keras_fer.models.trackers import hits
from keras_fer.models.two_players import TwoPlayerModel, rerouted


@keras.saving.register_keras_serializable("keras_fer")
class FactorModel(TwoPlayerModel):
    """Functional graph from pictures to all known factors and their representations.

    Build it with `factor_model`. Each factor has a branch and a head; a residual branch holds the rest;
    critics look for each factor in every representation but its own, and the representations are
    trained so that they fail. With `expression` as its only factor it is the `DisentanglingModel`.

    `fit` takes a `tf.data.Dataset` (or arrays) of `(images, targets)` or `(images, targets, sample_weight)`:

    - images `(batch, size, size, 3)`, RGB in [0, 255], uint8 or float;
    - targets: a dict with the label key of every factor, see `encoded_targets`. Rows may lack any
      target: each term is a mean over the rows that have what it reads, 0 where none has, so that
      one batch may mix data sets that label different factors.

    Outputs by name: for each factor its predictions `(batch, factor.size)`, logits or values in the units
    of the data, and `{name}_representation` `(batch, factor.width)`; `residual_representation`;
    `face_features` `(batch, rows, columns, channels)`; where built, `reconstruction` in [−1, 1].

    Args:
        trunk: images to face features.
        branches: face features to a representation, by name of the factor.
        heads: representation to logits or standardised values, by name of the factor.
        residual_branch: face features to the residual representation.
        factors: what is known.
        decoder: model of the expression representation and of all others, concatenated in their order with
            the residual one last, to pictures; None where the objective reconstructs nothing.
        objective: weights and choices; see `require_factors` for what it cannot set here.
        decorrelated: `"residual"`, or `"all"` representations, where the objective weighs that term.
        contract: what the model expects of its input; None makes one.
        name: of the model.
    """

    builder = "factor_model"

    def __init__(
        self,
        trunk,
        branches: dict[str, Any],
        heads: dict[str, Any],
        residual_branch,
        factors: Sequence[Factor],
        decoder=None,
        objective: Objective | None = None,
        decorrelated: str = RESIDUAL,
        contract: ModelContract | None = None,
        name: str = "factor_model",
    ):
        objective = objective or Objective()
        require_factors(factors, objective)
        if decorrelated not in (RESIDUAL, "all"):
            raise ValueError(f"`decorrelated` must be 'residual' or 'all'. Received: {decorrelated!r}")
        images = keras.Input(trunk.input_shape[1:], name="images")
        features = trunk(images)
        representations = {factor.name: branches[factor.name](features) for factor in factors}
        representations[RESIDUAL] = residual_branch(features)
        outputs = {"face_features": features}
        for factor in factors:
            predictions = heads[factor.name](representations[factor.name])
            outputs[factor.name] = in_units(factor, predictions)
        outputs |= {f"{name}_representation": values for name, values in representations.items()}
        if decoder is not None:
            outputs["reconstruction"] = decoder(_decoder_inputs(list(_ordered(representations).values())))
        super().__init__(inputs=images, outputs=outputs, name=name)
        self._named_outputs = dict(outputs)
        self.objective, self.factors, self.decorrelated = objective, tuple(factors), decorrelated
        self.num_expressions = heads[EXPRESSION].output_shape[-1]
        self.contract = contract or ModelContract(
            label_names=tuple(f"expression-{index}" for index in range(self.num_expressions)),
            image_size=trunk.input_shape[1],
        )
        self.trunk = trunk
        self.branches = {factor.name: branches[factor.name] for factor in factors}
        self.heads = {factor.name: heads[factor.name] for factor in factors}
        self.residual_branch, self.decoder = residual_branch, decoder
        # Weight decay would move a branch that no term reaches.
        residual_branch.trainable = objective.moves_non_expression_branch
        self._widths = {name: values.shape[-1] for name, values in representations.items()}
        self._build_second_player()
        self._build_metrics()

    def _build_second_player(self) -> None:
        """Builds critics and bank. After the graph: their variables must come last."""
        objective = self.objective
        self.chases = chases(self.factors) if objective.has_critics else ()
        self.critics = [
            CriticPanel(
                {chase.target.name: chase.target.size for chase in self.chases if chase.source == source},
                objective.num_critics,
                width,
                name=f"critics_of_{source}",
            )
            for source, width in self._widths.items()
            if any(chase.source == source for chase in self.chases)
        ]
        # Factors whose representation a term acts on, beside their own loss and the decoder.
        names = list(self._widths) if self.decorrelated == "all" else [RESIDUAL]
        self._decorrelated = names if objective.decorrelation_weight else []
        shaped = {*(chase.source for chase in self.chases), *self._decorrelated}
        self._shaped_factors = [factor.name for factor in self.factors if factor.name in shaped]
        self.bank = None
        if self.critics:
            label_size = sum(factor.size for factor in self.factors)
            features_shape, width = self.trunk.output_shape[1:], sum(self._widths.values())
            self.bank = critic_bank(objective, features_shape, width, label_size)

    def _build_metrics(self) -> None:
        objective = self.objective
        # By name in the logs the factor whose targets the number needs, None for those of all.
        self._needs: dict[str, str | None] = {f"{factor.name}_loss": factor.name for factor in self.factors}
        active = {
            "reconstruction_loss": objective.has_decoder,
            "decorrelation_loss": objective.decorrelation_weight > 0,
            "adversarial_loss": bool(self.chases),
            "critic_loss": bool(self.chases),
        }
        self._needs |= {name: None for name, wanted in active.items() if wanted}
        self._needs |= {f"critic_loss_{chase.name}": chase.target.name for chase in self.chases}
        self._needs |= {_score(factor): factor.name for factor in self.factors}
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self._needs}
        self._effective_rank = EffectiveRank(self._widths[RESIDUAL])
        self._mean = losses.BatchMean()

    # --- saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Returns the parts, the factors, the objective and the contract."""
        serialize = keras.saving.serialize_keras_object
        return {
            "trunk": serialize(self.trunk),
            "branches": {name: serialize(branch) for name, branch in self.branches.items()},
            "heads": {name: serialize(head) for name, head in self.heads.items()},
            "residual_branch": serialize(self.residual_branch),
            "decoder": None if self.decoder is None else serialize(self.decoder),
            "factors": [factor.to_dict() for factor in self.factors],
            "objective": self.objective.to_dict(),
            "decorrelated": self.decorrelated,
            "contract": self.contract.to_dict(),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuilds a model from `get_config`."""

        def part(value):
            return None if value is None else keras.saving.deserialize_keras_object(value, custom_objects)

        config = dict(config)
        for name in ("branches", "heads"):
            config[name] = {factor: part(value) for factor, value in config[name].items()}
        for name in ("trunk", "residual_branch", "decoder"):
            config[name] = part(config[name])
        config["factors"] = [Factor.from_dict(values) for values in config["factors"]]
        config["objective"] = Objective.from_dict(config["objective"])
        config["contract"] = ModelContract.from_dict(config["contract"])
        return cls(**config)

    @property
    def expression_branch(self) -> keras.Model:
        """The branch of the expression."""
        return self.branches[EXPRESSION]

    @property
    def non_expression_branch(self) -> keras.Model:
        """The residual branch, by the name that it has where expression is the only factor."""
        return self.residual_branch

    # --- the objective ---------------------------------------------------------------------------

    def forward(self, images, training: bool):
        """One pass with the gradient routes of the objective.

        Returns:
            `face_features`; `predictions` by factor, logits or standardised values; `representations` by
            name; `shaped`, the same values as the adversarial and the decorrelation terms see them, and
            `decoded`, as the decoder does.
        """
        objective = self.objective
        features = self.trunk(images, training=training)
        detached = ops.stop_gradient(features)
        # First: the branches update their statistics when they are called themselves.
        shaped = {}
        if objective.adversarial_scope == "branch":
            shaped = {
                name: rerouted(self.branches[name], detached, training) for name in self._shaped_factors
            }
        representations = {
            name: branch(features, training=training) for name, branch in self.branches.items()
        }
        predictions = {name: self.heads[name](values) for name, values in representations.items()}
        decoded = {
            name: values if objective.reconstruction_route == "all" else ops.stop_gradient(values)
            for name, values in representations.items()
        }
        shaped_from = features if objective.adversarial_scope == "trunk" else detached
        decoded_from = features if objective.reconstruction_route == "all" else detached
        if not objective.shapes_representation:
            shaped_from = decoded_from
        if objective.has_decoder and decoded_from is not shaped_from:
            decoded[RESIDUAL] = rerouted(self.residual_branch, decoded_from, training)
        representations[RESIDUAL] = self.residual_branch(shaped_from, training=training)
        decoded.setdefault(RESIDUAL, representations[RESIDUAL])
        return {
            "face_features": features,
            "predictions": predictions,
            "representations": representations,
            "shaped": {**representations, **shaped},
            "decoded": decoded,
        }

    def _judgements(self, representations: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the critics say, by name of the chase, `(num_critics, rows, size)`."""
        sources = dict.fromkeys(chase.source for chase in self.chases)
        said = {
            source: panel(ops.cast(representations[source], keras.config.floatx()))
            for source, panel in zip(sources, self.critics, strict=True)
        }
        return {chase.name: said[chase.source][chase.target.name] for chase in self.chases}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the total of the objective, and the penalties of an own trunk; updates the trackers.

        Args:
            x: images as the trunk saw them, float `(batch, size, size, 3)` in [0, 255].
            y: targets as `unpack` returns them.
            y_pred: what `forward` returns.
            sample_weight: `(batch,)` or None.
            training: not used.
        """
        objective, step = self.objective, self.optimizer.iterations
        judgements = self._judgements(y_pred["shaped"])
        terms = factor_terms(
            self.factors, self.chases, objective, y, y_pred["predictions"], judgements, sample_weight, step
        )
        if objective.decorrelation_weight:
            shaped = [y_pred["shaped"][name] for name in self._decorrelated]
            terms["decorrelation_loss"] = decorrelation_term(objective, shaped)
        if objective.has_decoder:
            codes = list(_ordered(y_pred["decoded"]).values())
            terms["reconstruction_loss"] = reconstruction_term(
                objective, self._decode, x, codes, sample_weight, step, self.seed
            )
        total, num_rows = 0.0, ops.shape(x)[0]
        for name, (weight, values, weights, count) in terms.items():
            mean = self._mean(values, values, sample_weight=weights)
            total = total + weight * mean
            self._log(name, mean, num_rows if count is None else count)
        return total + self.penalties()

    def _decode(self, representations: Sequence):
        return self.decoder(_decoder_inputs(representations))

    def _log(self, name: str, mean, count) -> None:
        """Logs the very number that is minimised, as a mean over `count` rows."""
        self._trackers[name].update_state(ops.stop_gradient(mean) * num_replicas(), sample_weight=count)

    # --- steps -----------------------------------------------------------------------------------

    def unpack(self, data, training: bool = False):
        """Returns float images, encoded targets by name of the factor, and sample weights."""
        images, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if targets is None:
            raise ValueError("Training and evaluation need targets: pass `(images, targets)`.")
        if not isinstance(targets, dict):
            keys = {factor.name: factor.label_key for factor in self.factors}
            targets = {keys[EXPRESSION]: targets}
        encoded = encoded_targets(self.factors, targets, training)
        if training:
            images = self.augmented(images, targets.get("pair"))
        return ops.cast(images, keras.config.floatx()), encoded, sample_weight

    def judged(self, outputs, targets):
        """Returns all representations and all targets side by side, in their order."""
        labels = [targets[factor.name] for factor in self.factors]
        return side_by_side(outputs["representations"].values()), ops.concatenate(labels, axis=-1)

    def represented(self, features):
        """Returns all representations of face features as the branches now make them, dropout included."""
        branches = [*self.branches.values(), self.residual_branch]
        return side_by_side(rerouted(branch, features, training=True) for branch in branches)

    def critic_loss(self, representations, labels):
        """Σ over critics of the mean of their error, with true labels; arguments as `judged` returns."""
        return self._critic_loss(
            split(representations, self._widths),
            split(labels, {factor.name: factor.size for factor in self.factors}),
        )

    def _critic_loss(self, representations, targets):
        terms = critic_terms(self.chases, targets, self._judgements(representations))
        total, num_rows = 0.0, ops.shape(representations[RESIDUAL])[0]
        for name, (_, values, weights, count) in terms.items():
            mean = self._mean(values, values, sample_weight=weights)
            total = total + mean
            self._log(f"critic_loss_{name}", mean / self.objective.num_critics, count)
        self._log("critic_loss", total / (len(terms) * self.objective.num_critics), num_rows)
        return total

    def test_step(self, data):
        """Computes every term and metric without moving anything."""
        images, targets, sample_weight = self.unpack(data)
        outputs = self.forward(images, training=False)
        loss = self.compute_loss(images, targets, outputs, sample_weight, training=False)
        if any(chase.target.name in targets for chase in self.chases):
            self._critic_loss(outputs["representations"], targets)
        self._effective_rank.update_state(outputs["representations"][RESIDUAL])
        results = self.updated_metrics(loss, targets, outputs, sample_weight)
        return {**results, "effective_rank": self._effective_rank.result()}

    def updated_metrics(self, loss, targets, outputs, sample_weight):
        """Updates the scores of the factors; returns what is known of those that have targets."""
        rows = ops.shape(outputs["representations"][RESIDUAL])[0]
        self._loss_tracker.update_state(loss * num_replicas(), sample_weight=rows)
        for factor in self.factors:
            if factor.name in targets:
                predictions = outputs["predictions"][factor.name]
                self._update_score(factor, targets, predictions, sample_weight)
        results = {"loss": self._loss_tracker.result()}
        known = (None, *targets)
        results |= {
            name: self._trackers[name].result() for name, need in self._needs.items() if need in known
        }
        if self._compile_metrics is not None and EXPRESSION in targets:
            (expression,) = (factor for factor in self.factors if factor.name == EXPRESSION)
            truth, logits = ({EXPRESSION: part[EXPRESSION]} for part in (targets, outputs["predictions"]))
            _, present = hits(truth[EXPRESSION], logits[EXPRESSION])
            weights = row_weights(expression, targets, present, sample_weight)
            self._compile_metrics.update_state(truth, logits, weights)
            results |= self._compile_metrics.result()
        return results

    def _update_score(self, factor: Factor, targets, predictions, sample_weight) -> None:
        truth = targets[factor.name]
        if factor.is_categorical:
            values, known = hits(truth, predictions)
        else:
            scale = factor.scale or (1.0,) * factor.size
            values = factor_losses.absolute_error(truth, predictions, scale)
            known = factor_losses.present(factor, truth)
        rows = mask(row_weights(factor, targets, known, sample_weight))
        self._log(_score(factor), self._mean(values, values, sample_weight=rows.weights), rows.count)


def _score(factor: Factor) -> str:
    """Share of right classes, or mean absolute error in the units of the data."""
    return f"{factor.name}_accuracy" if factor.is_categorical else f"{factor.name}_mae"


def _ordered(representations: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the representation of the expression first, that of the rest last."""
    names = [EXPRESSION, *(name for name in representations if name not in (EXPRESSION, RESIDUAL)), RESIDUAL]
    return {name: representations[name] for name in names}


def _decoder_inputs(representations: Sequence):
    """The expression representation, and all others side by side."""
    expression, *others = representations
    return [expression, others[0] if len(others) == 1 else ops.concatenate(others, axis=-1)]
