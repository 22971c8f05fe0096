"""The model of two representations and the step that trains it: one forward pass, two players."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_fer.contract import ModelContract
from keras_fer.models import losses
from keras_fer.models.critics import RepresentationBank, critic
from keras_fer.models.effective_rank import EffectiveRank
from keras_fer.models.objective import Objective
from keras_fer.models.optimizers import optimizers_config, optimizers_from_config
from keras_fer.models.terms import expression_weights, objective_terms, require_targets
from keras_fer.models.trackers import TARGETS, hits, trackers


@keras.saving.register_keras_serializable("keras_fer")
class DisentanglingModel(keras.Model):
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
        self.augmentation = None
        self.critic_optimizer: Any = None

    def _build_second_player(self) -> None:
        """Builds critics and bank. After the graph: their variables must come last, see below."""
        objective, size = self.objective, self.non_expression_branch.output_shape[-1]
        count = objective.num_critics if objective.has_critics else 0
        self.critics = [critic(size, self.num_expressions, name=f"critic{index}") for index in range(count)]
        self.bank = None
        if count and objective.bank_size:
            self.bank = RepresentationBank(
                objective.bank_size, size, self.num_expressions, name="representation_bank"
            )

    def _build_metrics(self) -> None:
        self._trackers = trackers(self.objective)
        self._effective_rank = EffectiveRank(self.non_expression_branch.output_shape[-1])
        self._mean = losses.BatchMean()

    @property
    def metrics(self):
        """The metrics that `fit` resets at each epoch; the effective rank is one of `evaluate`."""
        of_compile = (self._loss_tracker, self._compile_metrics)
        compiled = [metric for metric in of_compile if metric is not None]
        return [*compiled, *self._trackers.values(), self._effective_rank]

    # --- compiling, saving -----------------------------------------------------------------------

    def compile(
        self, optimizer="adam", *, critic_optimizer=None, augmentation=None, augmentation_seed=0, **kwargs
    ):
        """Configures training; the losses are those of the objective, so there is no `loss`.

        Args:
            optimizer: moves everything but the critics.
            critic_optimizer: moves the critics; None gives Adam with rate 2e-3 and β1 = 0.5.
            augmentation: None, or a function `(images, seed, pairs) -> images` that runs inside
                `train_step`; `seed` is int32 `(2,)` and a function of the step alone.
            augmentation_seed: first entry of that seed.
            **kwargs: passed on to `keras.Model.compile`, such as `metrics={"expression": ...}`.
        """
        if kwargs.get("loss") is not None or kwargs.get("loss_weights") is not None:
            raise ValueError(
                "The losses of a `DisentanglingModel` are those of its objective: pass "
                "`objective=` to `disentangling_model` instead of `loss=` to `compile`."
            )
        super().compile(optimizer=optimizer, **kwargs)
        if critic_optimizer is None:
            critic_optimizer = keras.optimizers.Adam(2e-3, beta_1=0.5)
        self.critic_optimizer = keras.optimizers.get(critic_optimizer) if self.critics else None
        self.augmentation, self.augmentation_seed = augmentation, augmentation_seed

    def get_compile_config(self):
        """Returns both optimisers; an augmentation belongs to a training run, not to the model."""
        return optimizers_config(self.optimizer, self.critic_optimizer) if self.compiled else {}

    def compile_from_config(self, config):
        """Compiles a loaded model and builds both optimisers, so that their state is restored."""
        self.compile(**optimizers_from_config(config))
        self.optimizer.build(self.encoder_variables)
        if self.critic_optimizer is not None:
            self.critic_optimizer.build(self.critic_variables)

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

    # --- parts -----------------------------------------------------------------------------------

    @property
    def critic_variables(self):
        """What the critics' optimiser moves."""
        return [variable for judge in self.critics for variable in judge.trainable_variables]

    @property
    def encoder_variables(self):
        """What the other optimiser moves: all else that is trainable.

        They come first in `trainable_variables`: `SwapEMAWeights` and the end of `fit` pair the
        optimiser's averages with that list by position.
        """
        critics = {id(variable) for variable in self.critic_variables}
        return [variable for variable in self.trainable_variables if id(variable) not in critics]

    @property
    def classifier(self) -> keras.Model:
        """The expression branch alone: pictures to logits, sharing the weights."""
        return keras.Model(self.inputs, self._named_outputs["expression"], name="classifier")

    @property
    def representations(self) -> keras.Model:
        """Pictures to both representations and the pooled face features, sharing the weights."""
        names = ("expression_representation", "non_expression_representation")
        pooled = keras.layers.GlobalAveragePooling2D(name="pooled_face_features")(
            self._named_outputs["face_features"]
        )
        outputs = {**{name: self._named_outputs[name] for name in names}, "face_features": pooled}
        return keras.Model(self.inputs, outputs, name="representations")

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
                # The same values by another gradient route; the statistics were updated above.
                branch = self.non_expression_branch
                non_expression, _ = branch.stateless_call(
                    branch.trainable_variables,
                    branch.non_trainable_variables,
                    decoded_from,
                    training=training,
                )
            if objective.reconstruction_route == "branch":
                expression = ops.stop_gradient(expression)
            outputs["decoder_inputs"] = (expression, non_expression)
        return outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the total of the objective and updates the tracker of each term.

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
        terms = objective_terms(self.objective, self.critics, self.decoder, x, y, y_pred, sample_weight, step)
        total, count, replicas = 0.0, ops.shape(x)[0], _num_replicas()
        for name, (weight, values, weights) in terms.items():
            mean = self._mean(values, values, sample_weight=weights)
            total = total + weight * mean
            # The very number that is minimised, so that the logged terms add up to the logged loss.
            self._trackers[name].update_state(ops.stop_gradient(mean) * replicas, sample_weight=count)
        return total

    # --- steps -----------------------------------------------------------------------------------

    def unpack(self, data, training: bool = False):
        """Returns float images, a dict of targets with `labels` `(batch, K)`, and sample weights."""
        images, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if targets is None:
            raise ValueError("Training and evaluation need targets: pass `(images, targets)`.")
        targets = dict(targets) if isinstance(targets, dict) else {"expression": targets}
        labels = ops.convert_to_tensor(targets.pop("expression"))
        if len(labels.shape) == 1 or labels.shape[-1] == 1:
            labels = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), self.num_expressions)
        targets["labels"] = ops.cast(labels, keras.config.floatx())
        if training and self.augmentation is not None:
            seed = tf.stack([self.augmentation_seed, tf.cast(self.optimizer.iterations, tf.int32)])
            images = self.augmentation(images, seed, targets.get("pair"))
        return ops.cast(images, keras.config.floatx()), targets, sample_weight

    def train_step(self, data):
        """Moves the encoder by the objective with critics frozen, then the critics."""
        images, targets, sample_weight = self.unpack(data, training=True)
        with tf.GradientTape() as tape:
            outputs = self.forward(images, training=True)
            loss = self.compute_loss(images, targets, outputs, sample_weight, training=True)
            scaled_loss = self.optimizer.scale_loss(loss)
        variables = self.encoder_variables
        gradients = tape.gradient(scaled_loss, variables)
        if self.critics:
            self._train_critics(outputs["non_expression_representation"], targets["labels"])
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self._updated_metrics(loss, targets, outputs, sample_weight)

    def _train_critics(self, representation, labels) -> None:
        objective = self.objective
        representation = ops.cast(ops.stop_gradient(representation), keras.config.floatx())
        if self.bank is not None:
            # The batch at hand was judged above, before any critic had learned from it.
            self.bank.push(representation, labels)
        for step in range(objective.critic_steps):
            if self.bank is not None:
                seed = (tf.cast(self.optimizer.iterations, tf.int32), step)
                representation, labels = self.bank.draw(
                    tf.random.stateless_uniform((objective.bank_draws,), seed, alg="philox")
                )
            with tf.GradientTape() as tape:
                critic_loss = self._critic_loss(representation, labels)
            variables = self.critic_variables
            gradients = tape.gradient(critic_loss, variables)
            self.critic_optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _critic_loss(self, representation, labels):
        """Σ_m mean CE(labels, critic_m), true labels, on detached representations."""
        logits = [judge(representation) for judge in self.critics]
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
            self._critic_loss(
                ops.cast(outputs["non_expression_representation"], keras.config.floatx()), targets["labels"]
            )
        self._effective_rank.update_state(outputs["non_expression_representation"])
        results = self._updated_metrics(loss, targets, outputs, sample_weight)
        return {**results, "effective_rank": self._effective_rank.result()}

    def _updated_metrics(self, loss, targets, outputs, sample_weight):
        count = ops.shape(targets["labels"])[0]
        self._loss_tracker.update_state(loss * _num_replicas(), sample_weight=count)
        right, present = hits(targets["labels"], outputs["expression"])
        weights = expression_weights(targets, sample_weight)
        counted = present if weights is None else present * ops.cast(weights, present.dtype)
        self._trackers["expression_accuracy"].update_state(right, sample_weight=counted)
        if self._compile_metrics is not None:
            logits = {"expression": outputs["expression"]}
            self._compile_metrics.update_state({"expression": targets["labels"]}, logits, weights)
        results = {"loss": self._loss_tracker.result()}
        known = [name for name in self._trackers if TARGETS.get(name, "labels") in targets]
        results.update({name: self._trackers[name].result() for name in known})
        if self._compile_metrics is not None:
            results.update(self._compile_metrics.result())
        return results


def _num_replicas() -> int:
    """By which Keras has divided a loss; 1 without a distribution strategy."""
    return tf.distribute.get_replica_context().num_replicas_in_sync
