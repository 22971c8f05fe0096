"""The step of two players over one forward pass: an encoder with everything on it, and its critics."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_fer.models.critics import CriticBank
from keras_fer.models.objective import Objective
from keras_fer.models.optimizers import optimizers_config, optimizers_from_config
from keras_fer.models.process_steps import local_batch, over_processes, process_step
from keras_fer.models.replicas import gathered, num_replicas, own_share
from keras_fer.models.step_seeds import drawn_seed, step_seed

_METRICS = ("metrics", "weighted_metrics")


class TwoPlayerModel(keras.Model):
    """A functional model with a second player: critics with an optimiser of their own.

    A subclass builds its graph and then sets `objective`, the list `critics`, and `bank`, a
    `CriticBank` or None; `_named_outputs` of the graph, `_trackers` by name in the logs, and
    `_effective_rank`. It defines, beside `compute_loss`:

    - `unpack(data, training)`: images, targets, sample weights;
    - `forward(images, training)`: the outputs that `compute_loss` reads;
    - `judged(outputs, targets)`: representations and labels of a batch, two matrices, detached;
    - `represented(features)`: the same representations of face features, as the branches now make them;
    - `critic_loss(representations, labels)`: what critics minimise on rows of these;
    - `updated_metrics(loss, targets, outputs, sample_weight)`: the logs.

    Critics must be built after the graph, so that they come last in `trainable_variables`: `SwapEMAWeights`
    and the end of `fit` pair the optimiser's averages with that list by position.
    """

    # Of the function that takes the objective, for the refusal of losses.
    builder: str
    objective: Objective
    critics: list
    bank: CriticBank | None
    critic_optimizer: Any = None
    # What Keras calls for each batch; it sets them to None.
    train_function: Any
    test_function: Any
    augmentation: Any = None
    seed: int = 0

    def compile(
        self,
        optimizer="adam",
        *,
        critic_optimizer=None,
        augmentation=None,
        augmentation_seed=0,
        seed: int | None = None,
        **kwargs,
    ):
        """Configures training; the losses are those of the objective, so there is no `loss`.

        Args:
            optimizer: moves everything but the critics.
            critic_optimizer: moves the critics; None gives Adam with rate 2e-3 and β1 = 0.5.
            augmentation: None, or a function `(images, seed, pairs) -> images` that runs inside
                `train_step`; `seed` is int32 `(2,)` and a function of the step alone.
            augmentation_seed: first entry of that seed.
            seed: at least 0, of what critics draw from the bank and of the reconstruction noise; None draws
                one that `keras.utils.set_random_seed` decides. It is saved with the model.
            **kwargs: passed on to `keras.Model.compile`, such as `metrics={"expression": ...}`. Rows without
                a label count in `metrics`, as in Keras, and not in `weighted_metrics`.

        Raises:
            FERError: if class weights or class prior of the objective do not fit the number of expressions.
        """
        if kwargs.get("loss") is not None or kwargs.get("loss_weights") is not None:
            raise ValueError(
                f"The losses of a `{type(self).__name__}` are those of its objective: pass "
                f"`objective=` to `{self.builder}` instead of `loss=` to `compile`."
            )
        self.objective.require_classes(self.num_expressions)
        super().compile(optimizer=optimizer, **kwargs)
        if critic_optimizer is None:
            critic_optimizer = keras.optimizers.Adam(2e-3, beta_1=0.5)
        self.critic_optimizer = keras.optimizers.get(critic_optimizer) if self.critics else None
        self.augmentation, self.augmentation_seed = augmentation, augmentation_seed
        self.seed = drawn_seed() if seed is None else seed

    def get_compile_config(self):
        """Returns optimisers, metrics and seed; an augmentation belongs to a run, not to the model."""
        if not self.compiled:
            return {}
        given = super().get_compile_config()
        return {
            **optimizers_config(self.optimizer, self.critic_optimizer),
            **{name: given[name] for name in _METRICS if given.get(name) is not None},
            "seed": self.seed,
        }

    def compile_from_config(self, config):
        """Compiles a loaded model and builds both optimisers, so that their state is restored."""
        config = dict(config)
        # Files of earlier versions hold neither metrics nor seed.
        settings = {name: config.pop(name) for name in _METRICS if name in config}
        metrics = keras.saving.deserialize_keras_object(settings)
        seed = config.pop("seed", 0)
        self.compile(**optimizers_from_config(config), **metrics, seed=seed)
        self.optimizer.build(self.encoder_variables)
        if self.critic_optimizer is not None:
            self.critic_optimizer.build(self.critic_variables)

    @property
    def critic_variables(self):
        """What the critics' optimiser moves."""
        return [variable for judge in self.critics for variable in judge.trainable_variables]

    @property
    def encoder_variables(self):
        """What the other optimiser moves: all else that is trainable."""
        critics = {id(variable) for variable in self.critic_variables}
        return [variable for variable in self.trainable_variables if id(variable) not in critics]

    @property
    def metrics(self):
        """The metrics that `fit` resets at each epoch; the effective rank is one of `evaluate`."""
        of_compile = (self._loss_tracker, self._compile_metrics)
        compiled = [metric for metric in of_compile if metric is not None]
        return [*compiled, *self._trackers.values(), self._effective_rank]

    def _get_metrics_result_or_logs(self, logs):
        """Reads the metrics over all replicas, where Keras would take the mean of what each has logged."""
        if self.distribute_strategy.num_replicas_in_sync == 1:
            return super()._get_metrics_result_or_logs(logs)
        results = self.get_metrics_result()
        return {name: results.get(name, value) for name, value in logs.items()}

    def make_train_function(self, force=False):
        """Makes what Keras calls for each batch of `fit`; see `process_step` for several processes."""
        if not over_processes(self.distribute_strategy):
            super().make_train_function(force)
        elif force or self.train_function is None:
            self.train_function = process_step(self.distribute_strategy, self.train_step, self.run_eagerly)

    def make_test_function(self, force=False):
        """Makes what Keras calls for each batch of `evaluate`; see `process_step` for several processes."""
        if not over_processes(self.distribute_strategy):
            super().make_test_function(force)
        elif force or self.test_function is None:
            self.test_function = process_step(self.distribute_strategy, self.test_step, self.run_eagerly)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Builds what is not built, by a batch as one replica sees it."""
        if iterator is not None and over_processes(self.distribute_strategy):
            iterator, data_batch = None, local_batch(self.distribute_strategy, iterator)
        super()._maybe_symbolic_build(iterator, data_batch)

    @property
    def classifier(self) -> keras.Model:
        """The expression branch alone: pictures to logits, sharing the weights."""
        return keras.Model(self.inputs, self._named_outputs["expression"], name="classifier")

    @property
    def representations(self) -> keras.Model:
        """Pictures to every representation and the pooled face features, sharing the weights."""
        pooling = keras.layers.GlobalAveragePooling2D(name="pooled_face_features")
        outputs = {
            name: values for name, values in self._named_outputs.items() if name.endswith("_representation")
        }
        outputs["face_features"] = pooling(self._named_outputs["face_features"])
        return keras.Model(self.inputs, outputs, name="representations")

    # --- steps -----------------------------------------------------------------------------------

    def penalties(self):
        """Returns the sum of what layers of an own trunk add to the loss, such as L2; 0 for those by name."""
        losses = [ops.sum(ops.cast(loss, keras.config.floatx())) for loss in self.losses]
        return sum(losses) / num_replicas()

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
            self._train_critics(outputs["face_features"], *self.judged(outputs, targets))
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.updated_metrics(loss, targets, outputs, sample_weight)

    def _train_critics(self, features, representations, labels) -> None:
        keeps_features = self.objective.banks_features
        if self.bank is not None:
            # The batch at hand was judged above, before any critic had learned from it.
            self.bank.push(gathered(features if keeps_features else representations), gathered(labels))
        for step in range(self.objective.critic_steps):
            if self.bank is not None:
                seed = step_seed(self.seed, self.optimizer.iterations, step)
                numbers = tf.random.stateless_uniform((self.objective.bank_draws,), seed, alg="philox")
                rows, labels = self.bank.draw(own_share(numbers))
                representations = self.represented(rows) if keeps_features else rows
            with tf.GradientTape() as tape:
                critic_loss = self.critic_loss(representations, labels)
            variables = self.critic_variables
            gradients = tape.gradient(critic_loss, variables)
            self.critic_optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def augmented(self, images, pairs):
        """Returns float images, augmented as `compile` was told."""
        if self.augmentation is not None:
            seed = tf.stack([self.augmentation_seed, tf.cast(self.optimizer.iterations, tf.int32)])
            images = self.augmentation(images, seed, pairs)
        return ops.cast(images, keras.config.floatx())


def rerouted(branch: keras.Model, features, training: bool):
    """Returns the values of `branch(features)` by a gradient route of its own.

    It leaves the statistics of the branch and the state of its dropout as they are: called before the branch
    itself on the same features, both see the same.
    """
    values, _ = branch.stateless_call(
        branch.trainable_variables, branch.non_trainable_variables, features, training=training
    )
    return values
