"""The model of two representations and the objective that it is trained by."""

import keras
from keras import ops

from keras_fer.contract import ModelContract
from keras_fer.models import losses
from keras_fer.models.critics import critic, critic_bank
from keras_fer.models.effective_rank import EffectiveRank
from keras_fer.models.label_ids import one_hot
from keras_fer.models.objective import Objective
from keras_fer.models.replicas import num_replicas
from keras_fer.models.terms import expression_weights, objective_terms, require_targets
from keras_fer.models.trackers import TARGETS, hits, trackers
from keras_fer.models.two_players import TwoPlayerModel, rerouted


@keras.saving.register_keras_serializable("keras_fer")
class DisentanglingModel(TwoPlayerModel):
    """Functional graph from pictures to expression and both representations, with its objective.

    Build it with `disentangling_model`. `fit` takes a `tf.data.Dataset` (or arrays) of
    `(images, targets)` or `(images, targets, sample_weight)`:

    - images `(batch, size, size, 3)`, RGB in [0, 255], uint8 or float;
    - targets: labels, int `(batch,)` with −1 for a missing one, or probabilities `(batch, K)`; or
      a dict with these as `"expression"` and, optionally, `"valence_arousal"` `(batch, 2)` with
      NaN where unknown; `"pair"` `(batch,)`: rows 2i and 2i + 1 with the same id ≥ 0 show the
      same person under the same conditions with different expressions; `"view"` `(batch,)`: rows
      2i and 2i + 1 with the same id ≥ 0 are one image; `"expression_weight"` `(batch,)`: factor
      of that row in the expression term and its accuracy alone. Other targets are ignored.

    Outputs by name: `expression`, logits `(batch, K)`; `expression_representation`;
    `non_expression_representation`; `face_features` `(batch, rows, columns, channels)`; where
    built, `valence_arousal` `(batch, 2)` and `reconstruction` in [−1, 1].
    """

    builder = "disentangling_model"

    def __init__(
        self,
        trunk,
        expression_branch,
        expression_head,
        non_expression_branch,
        decoder=None,
        valence_arousal_head=None,
        objective: Objective | None = None,
        contract: ModelContract | None = None,
        name: str = "disentangling_model",
    ):
        images = keras.Input(trunk.input_shape[1:], name="images")
        features = trunk(images)
        expression = expression_branch(features)
        non_expression = non_expression_branch(features)
        outputs = {
            "expression": expression_head(expression),
            "expression_representation": expression,
            "non_expression_representation": non_expression,
            "face_features": features,
        }
        if valence_arousal_head is not None:
            outputs["valence_arousal"] = valence_arousal_head(expression)
        if decoder is not None:
            outputs["reconstruction"] = decoder([expression, non_expression])
        super().__init__(inputs=images, outputs=outputs, name=name)
        self._named_outputs = dict(outputs)
        self.objective = objective or Objective()
        self.num_expressions = expression_head.output_shape[-1]
        self.contract = contract or ModelContract(
            label_names=tuple(f"expression-{index}" for index in range(self.num_expressions)),
            image_size=trunk.input_shape[1],
        )
        self.trunk = trunk
        self.expression_branch = expression_branch
        self.expression_head = expression_head
        self.non_expression_branch = non_expression_branch
        self.valence_arousal_head = valence_arousal_head
        self.decoder = decoder
        # Weight decay would move a branch that no term reaches.
        non_expression_branch.trainable = self.objective.moves_non_expression_branch
        self._build_second_player()
        self._build_metrics()

    def _build_second_player(self) -> None:
        """Builds critics and bank. After the graph: their variables must come last, see `TwoPlayerModel`."""
        objective, size = self.objective, self.non_expression_branch.output_shape[-1]
        count = objective.num_critics if objective.has_critics else 0
        self.critics = [critic(size, self.num_expressions, name=f"critic{index}") for index in range(count)]
        self.bank = None
        if count:
            self.bank = critic_bank(objective, self.trunk.output_shape[1:], size, self.num_expressions)

    def _build_metrics(self) -> None:
        self._trackers = trackers(self.objective)
        self._effective_rank = EffectiveRank(self.non_expression_branch.output_shape[-1])
        self._mean = losses.BatchMean()

    # --- saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Returns the parts, the objective and the contract."""
        serialize = keras.saving.serialize_keras_object
        parts = ("trunk", "expression_branch", "expression_head", "non_expression_branch")
        optional = {"decoder": self.decoder, "valence_arousal_head": self.valence_arousal_head}
        return {
            **{part: serialize(getattr(self, part)) for part in parts},
            **{part: None if model is None else serialize(model) for part, model in optional.items()},
            "objective": self.objective.to_dict(),
            "contract": self.contract.to_dict(),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuilds a model from `get_config`."""
        config = dict(config)
        objective = Objective.from_dict(config.pop("objective"))
        contract = ModelContract.from_dict(config.pop("contract"))
        name = config.pop("name")
        parts = {
            part: None if value is None else keras.saving.deserialize_keras_object(value, custom_objects)
            for part, value in config.items()
        }
        return cls(**parts, objective=objective, contract=contract, name=name)

    # --- the objective ---------------------------------------------------------------------------

    def forward(self, images, training: bool):
        """One pass with the gradient routes of the objective.

        Returns:
            The outputs of the graph, and `decoder_inputs`, the two representations as the decoder
            sees them.
        """
        objective = self.objective
        features = self.trunk(images, training=training)
        expression = self.expression_branch(features, training=training)
        outputs = {
            "face_features": features,
            "expression_representation": expression,
            "expression": self.expression_head(expression),
        }
        if self.valence_arousal_head is not None:
            outputs["valence_arousal"] = self.valence_arousal_head(expression)
        detached = ops.stop_gradient(features)
        shaped_from = features if objective.adversarial_scope == "trunk" else detached
        decoded_from = features if objective.reconstruction_route == "all" else detached
        if not objective.shapes_representation:
            shaped_from = decoded_from
        non_expression = self.non_expression_branch(shaped_from, training=training)
        outputs["non_expression_representation"] = non_expression
        if self.decoder is not None and objective.has_decoder:
            if decoded_from is not shaped_from:
                non_expression = rerouted(self.non_expression_branch, decoded_from, training)
            if objective.reconstruction_route == "branch":
                expression = ops.stop_gradient(expression)
            outputs["decoder_inputs"] = (expression, non_expression)
        return outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the total of the objective, and the penalties of an own trunk; updates the trackers.

        Args:
            x: images as the trunk saw them, float `(batch, size, size, 3)` in [0, 255].
            y: targets as `unpack` returns them.
            y_pred: what `forward` returns.
            sample_weight: `(batch,)` or None.
            training: whether the objective may ask for pairs and views.
        """
        if training:
            require_targets(self.objective, y)
        step = self.optimizer.iterations
        terms = objective_terms(
            self.objective, self.critics, self.decoder, x, y, y_pred, sample_weight, step, self.seed
        )
        total, count, replicas = 0.0, ops.shape(x)[0], num_replicas()
        for name, (weight, values, weights) in terms.items():
            mean = self._mean(values, values, sample_weight=weights)
            total = total + weight * mean
            # The very number that is minimised, so that the logged terms add up to the logged loss
            # where an own trunk has no penalties.
            self._trackers[name].update_state(ops.stop_gradient(mean) * replicas, sample_weight=count)
        return total + self.penalties()

    # --- steps -----------------------------------------------------------------------------------

    def unpack(self, data, training: bool = False):
        """Returns float images, a dict of targets with `labels` `(batch, K)`, and sample weights."""
        images, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if targets is None:
            raise ValueError("Training and evaluation need targets: pass `(images, targets)`.")
        targets = dict(targets) if isinstance(targets, dict) else {"expression": targets}
        labels = ops.convert_to_tensor(targets.pop("expression"))
        if len(labels.shape) == 1 or labels.shape[-1] == 1:
            labels = one_hot(labels, self.num_expressions)
        targets["labels"] = ops.cast(labels, keras.config.floatx())
        if training:
            images = self.augmented(images, targets.get("pair"))
        return ops.cast(images, keras.config.floatx()), targets, sample_weight

    def judged(self, outputs, targets):
        """Returns the non-expression representation, detached, and the labels."""
        representation = ops.stop_gradient(outputs["non_expression_representation"])
        return ops.cast(representation, keras.config.floatx()), targets["labels"]

    def represented(self, features):
        """Returns the non-expression representation of face features as the branch now makes it."""
        representation = rerouted(self.non_expression_branch, features, training=True)
        return ops.cast(representation, keras.config.floatx())

    def critic_loss(self, representations, labels):
        """Σ_m mean CE(labels, critic_m), true labels, on detached representations."""
        logits = [judge(representations) for judge in self.critics]
        self._trackers["critic_accuracy"].update_state(*hits(labels, sum(logits)))
        errors = [losses.cross_entropy(labels, values) for values in logits]
        self._trackers["critic_loss"].update_state(sum(errors) / len(errors))
        return sum(self._mean(values, values) for values in errors)

    def test_step(self, data):
        """Computes every term and metric without moving anything."""
        images, targets, sample_weight = self.unpack(data)
        outputs = self.forward(images, training=False)
        loss = self.compute_loss(images, targets, outputs, sample_weight, training=False)
        if self.critics:
            self.critic_loss(*self.judged(outputs, targets))
        self._effective_rank.update_state(outputs["non_expression_representation"])
        results = self.updated_metrics(loss, targets, outputs, sample_weight)
        return {**results, "effective_rank": self._effective_rank.result()}

    def updated_metrics(self, loss, targets, outputs, sample_weight):
        """Updates the accuracy; returns what is known of terms whose targets are there."""
        count = ops.shape(targets["labels"])[0]
        self._loss_tracker.update_state(loss * num_replicas(), sample_weight=count)
        right, present = hits(targets["labels"], outputs["expression"])
        weights = expression_weights(targets, sample_weight)
        counted = present if weights is None else present * ops.cast(weights, present.dtype)
        self._trackers["expression_accuracy"].update_state(right, sample_weight=counted)
        if self._compile_metrics is not None:
            logits = {"expression": outputs["expression"]}
            self._compile_metrics.update_state({"expression": targets["labels"]}, logits, counted)
        results = {"loss": self._loss_tracker.result()}
        known = [name for name in self._trackers if TARGETS.get(name, "labels") in targets]
        results.update({name: self._trackers[name].result() for name in known})
        if self._compile_metrics is not None:
            results.update(self._compile_metrics.result())
        return results
