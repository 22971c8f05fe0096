"""Plants known mistakes into a copy of the checkout, one at a time, and shows which test catches each.

    python tests/planted_bugs.py            # every bug, about half a minute each
    python tests/planted_bugs.py clamp ema  # those with such a word in their name

A bug is one replacement in one file. The result goes to standard output as the rows of the table in
tests/README.md; a bug that no test catches makes the exit code 1.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MODELS = "keras_fer/models/"
MODEL, STEP = MODELS + "disentangling.py", MODELS + "two_players.py"
TERMS, LOSSES = MODELS + "terms.py", MODELS + "losses.py"
CRITICS, BRANCHES = MODELS + "critics.py", MODELS + "branches.py"
FACTOR_TERMS, FACTOR_LOSSES = MODELS + "factor_terms.py", MODELS + "factor_losses.py"
FACTOR_MODEL = MODELS + "factor_model.py"
REPLICAS = MODELS + "replicas.py"
ERASURE = MODELS + "erasure.py"
TRAINING = "keras_fer/training/"
CHECKPOINTS = TRAINING + "checkpoints.py"


class Bug(NamedTuple):
    """Replaces `old`, which occurs once in `file`, by `new`."""

    name: str
    file: str
    old: str
    new: str


BUGS = (
    Bug(
        "½ as an integer: reconstruction is 0", LOSSES, "return 0.5 * ops.mean", "return (1 // 2) * ops.mean"
    ),
    Bug(
        "representation detached: no adversarial gradient for the encoder",
        TERMS,
        'ops.cast(outputs["non_expression_representation"], labels.dtype)',
        'ops.stop_gradient(ops.cast(outputs["non_expression_representation"], labels.dtype))',
    ),
    Bug(
        "a variable twice in an optimiser step",
        STEP,
        "        variables = self.encoder_variables\n",
        "        variables = [*self.encoder_variables, self.encoder_variables[0]]\n",
    ),
    Bug(
        "critics moved by the adversarial loss",
        STEP,
        "if id(variable) not in critics]",
        "if critics is not None]",
    ),
    Bug(
        "encoder moved by the critics' loss",
        STEP,
        "            scaled_loss = self.optimizer.scale_loss(loss)",
        "            if self.critics:\n"
        '                seen = outputs["non_expression_representation"]\n'
        '                loss += self.critic_loss(seen, targets["labels"])\n'
        "            scaled_loss = self.optimizer.scale_loss(loss)",
    ),
    Bug(
        "sign of the adversarial term",
        TERMS,
        "return ops.sum(labels, axis=-1) * sum(values)",
        "return -ops.sum(labels, axis=-1) * sum(values)",
    ),
    Bug("sum over the critics instead of the mean", TERMS, "* sum(values) / len(values)", "* sum(values)"),
    Bug(
        "β3 in the place of β1",
        TERMS,
        'terms["reconstruction_loss"] = Term(objective.reconstruction_weight,',
        'terms["reconstruction_loss"] = Term(objective.adversarial_weight,',
    ),
    Bug(
        "label smoothing in the critics' loss",
        MODEL,
        "errors = [losses.cross_entropy(labels, values) for values in logits]",
        "smooth = losses.smoothed(labels, self.objective.label_smoothing)\n"
        "        errors = [losses.cross_entropy(smooth, values) for values in logits]",
    ),
    Bug(
        "a uniform prior whatever the sampler",
        TERMS,
        "prior = objective.class_prior or (1",
        "prior = (1",
    ),
    Bug(
        "expression loss reaches the non-expression branch",
        MODEL,
        '        outputs["non_expression_representation"] = non_expression\n',
        '        outputs["non_expression_representation"] = non_expression\n'
        "        nothing = ops.mean(non_expression - ops.stop_gradient(non_expression))\n"
        '        outputs["expression"] = outputs["expression"] * (1 + nothing)\n',
    ),
    Bug(
        "route `branch` reaches the trunk",
        MODEL,
        'decoded_from = features if objective.reconstruction_route == "all" else detached',
        "decoded_from = features",
    ),
    Bug(
        "route `branch` reaches the expression branch",
        MODEL,
        "                expression = ops.stop_gradient(expression)\n",
        "                expression = ops.multiply(expression, 1)\n",
    ),
    Bug(
        "scope `branch` reaches the trunk",
        MODEL,
        'shaped_from = features if objective.adversarial_scope == "trunk" else detached',
        "shaped_from = features",
    ),
    Bug(
        "critics learn from the batch before they judge it",
        STEP,
        "            loss = self.compute_loss(images, targets, outputs, sample_weight, training=True)\n",
        "            if self.critics:\n"
        "                self._train_critics(outputs['face_features'], *self.judged(outputs, targets))\n"
        "            loss = self.compute_loss(images, targets, outputs, sample_weight, training=True)\n",
    ),
    Bug(
        "critics learn from stored features as the branch shows them in use, not in training",
        MODEL,
        "rerouted(self.non_expression_branch, features, training=True)",
        "rerouted(self.non_expression_branch, features, training=False)",
    ),
    Bug(
        "critics' draws move the statistics of the branch",
        MODEL,
        "rerouted(self.non_expression_branch, features, training=True)",
        "self.non_expression_branch(features, training=True)",
    ),
    Bug(
        "the decoder is trained by nobody",
        STEP,
        "        variables = self.encoder_variables\n",
        "        variables = self.encoder_variables\n"
        "        if self.decoder is not None:\n"
        "            decoder = {id(variable) for variable in self.decoder.variables}\n"
        "            variables = [variable for variable in variables if id(variable) not in decoder]\n",
    ),
    Bug(
        "averages paired with the wrong variables",
        STEP,
        "        return [variable for variable in self.trainable_variables if id(variable) not in critics]",
        "        return [v for v in self.trainable_variables[::-1] if id(v) not in critics]",
    ),
    Bug("no ramp", TERMS, "if ramp_steps else 1.0", "if ramp_steps < 0 else 1.0"),
    Bug(
        "ramp one step early",
        TERMS,
        "ops.cast(step, keras.config.floatx()) /",
        "ops.cast(step + 1, keras.config.floatx()) /",
    ),
    Bug(
        "no clamp",
        LOSSES,
        "return -(ops.minimum(error, math.log(len(prior))) if clamp else error)",
        "return -error",
    ),
    Bug(
        "statistics of the branch updated twice under mixed routes",
        MODEL,
        "non_expression = rerouted(self.non_expression_branch, decoded_from, training)",
        "non_expression = self.non_expression_branch(decoded_from, training=training)",
    ),
    Bug(
        "the same draws in every step of the critics",
        STEP,
        "seed = step_seed(self.seed, self.optimizer.iterations, step)",
        "seed = step_seed(self.seed, self.optimizer.iterations, 0)",
    ),
    Bug(
        "one step of the critics only",
        STEP,
        "for step in range(self.objective.critic_steps):",
        "for step in range(1):",
    ),
    Bug(
        "draws of rows that are not filled",
        CRITICS,
        "filled = ops.minimum(self.count, self.capacity)",
        "filled = ops.minimum(self.capacity, self.capacity)",
    ),
    Bug(
        "the bank does not go round",
        CRITICS,
        "places + self.count) % self.capacity",
        "places + 0 * self.count) % self.capacity",
    ),
    Bug(
        "a large feature is stored as infinity",
        CRITICS,
        "ops.clip(rows, -_LARGEST_HALF, _LARGEST_HALF)",
        "rows",
    ),
    Bug(
        "faces travel inside a model file",
        CRITICS,
        "        if not self.keeps_features:\n            super().save_own_variables(store)",
        "        super().save_own_variables(store)",
    ),
    Bug(
        "no sample weights in the adversarial term",
        TERMS,
        'terms["adversarial_loss"] = Term(weight, values, sample_weight)',
        'terms["adversarial_loss"] = Term(weight, values)',
    ),
    Bug(
        "smoothing gives a missing label a share",
        LOSSES,
        "amount * ops.sum(labels, axis=-1, keepdims=True) / labels.shape[-1]",
        "amount / labels.shape[-1]",
    ),
    Bug(
        "swap reconstruction without the swap",
        TERMS,
        "decoder([expression, _partners(non_expression)])",
        "decoder([expression, non_expression])",
    ),
    Bug(
        "rows of different pairs taken for a pair",
        TERMS,
        "paired = ops.logical_and(pair >= 0, ops.equal(pair, _partners(pair, missing=-1)))",
        "paired = pair >= 0",
    ),
    Bug("noise of one size for every dimension", TERMS, "noise * deviation * own_rows", "noise * own_rows"),
    Bug("pictures in [0, 1]", TERMS, "return small / 127.5 - 1.0", "return small / 255.0"),
    Bug(
        "diagonal counted in the decorrelation",
        LOSSES,
        "(ops.sum(squares) - ops.sum(ops.diagonal(squares)))",
        "ops.sum(squares)",
    ),
    Bug("the last layer may shrink", BRANCHES, "center=False, scale=False,", "center=False, scale=True,"),
    Bug(
        "weight decay moves the unused branch",
        MODEL,
        "non_expression_branch.trainable = self.objective.moves_non_expression_branch",
        "non_expression_branch.trainable = True",
    ),
    Bug(
        "loss not scaled for float16",
        STEP,
        "scaled_loss = self.optimizer.scale_loss(loss)",
        "scaled_loss = loss",
    ),
    Bug(
        "a mean of our own: too large under replicas",
        LOSSES,
        "return y_pred if len(y_pred.shape) else ops.expand_dims(y_pred, 0)",
        "import tensorflow as tf\n\n"
        "        return y_pred * tf.distribute.get_replica_context().num_replicas_in_sync",
    ),
    Bug(
        "a term over the batch counts once per replica",
        LOSSES,
        "return y_pred if len(y_pred.shape) else ops.expand_dims(y_pred, 0)",
        "return y_pred",
    ),
    Bug(
        "decorrelation within each replica",
        TERMS,
        "losses.decorrelation(gathered(representation))",
        "losses.decorrelation(representation)",
    ),
    Bug(
        "correlation with the labels within each replica",
        TERMS,
        "losses.cross_covariance(gathered(representation), gathered(labels))",
        "losses.cross_covariance(representation, labels)",
    ),
    Bug(
        "noise by the deviation of a replica's rows",
        TERMS,
        "deviation = ops.std(everywhere, axis=0",
        "deviation = ops.std(ops.stop_gradient(representation), axis=0",
    ),
    Bug(
        "every replica has the noise of the first",
        TERMS,
        "own_rows(normal, representation)",
        "normal[: tf.shape(representation)[0]]",
    ),
    Bug(
        "the bank holds the rows of the first replica alone",
        STEP,
        "self.bank.push(gathered(features if keeps_features else representations), gathered(labels))",
        "self.bank.push(features if keeps_features else representations, labels)",
    ),
    Bug(
        "critics learn from the first replica's share of the draws",
        REPLICAS,
        "return values[tf.distribute.get_replica_context().replica_id_in_sync_group :: num_replicas()]",
        "return values[:: num_replicas()]",
    ),
    Bug(
        "batch normalisation within each replica",
        REPLICAS,
        "layer.synchronized = True",
        "layer.synchronized = False",
    ),
    Bug(
        "logs are means of what the replicas have logged",
        STEP,
        "if self.distribute_strategy.num_replicas_in_sync == 1:",
        "if True:",
    ),
    Bug(
        "critics' optimiser not built at load",
        STEP,
        "            self.critic_optimizer.build(self.critic_variables)",
        "            self.critic_optimizer.name = self.critic_optimizer.name",
    ),
    Bug(
        "weight decay of everything after load",
        MODELS + "optimizers.py",
        "    if undecayed:\n",
        "    if False:\n",
    ),
    Bug("a model may bring code", MODELS + "loading.py", "safe_mode=True", "safe_mode=False"),
    Bug("class weights forgotten", TERMS, "    if class_weights is None:\n", "    if True:\n"),
    Bug(
        "expression weights forgotten",
        TERMS,
        '    if "expression_weight" not in targets:\n',
        "    if True:\n",
    ),
    Bug(
        "expression weights in a pair term",
        TERMS,
        "Term(objective.invariance_weight, values, sample_weight)",
        "Term(objective.invariance_weight, values, expression_weights(targets, sample_weight))",
    ),
    Bug(
        "expression weights not in the accuracy",
        MODEL,
        "weights = expression_weights(targets, sample_weight)",
        "weights = sample_weight",
    ),
    Bug("pairs taken for views", TERMS, '_paired(targets["view"])', '_paired(targets["pair"])'),
    Bug(
        "views pull on the head",
        TERMS,
        'ops.cast(outputs["expression_representation"], labels.dtype)',
        'ops.cast(outputs["expression"], labels.dtype)',
    ),
    Bug(
        "views come closer by shrinking",
        LOSSES,
        "ops.square(unit(representations) - unit(partners))",
        "ops.square(representations - partners)",
    ),
    Bug(
        "validation uses the statistics of the batch",
        MODEL,
        "outputs = self.forward(images, training=False)",
        "outputs = self.forward(images, training=True)",
    ),
    Bug(
        "a factor is chased out of its own representation",
        MODELS + "factors.py",
        "if target.name != source and target.adversarial_weight > 0",
        "if target.adversarial_weight > 0",
    ),
    Bug(
        "rows without a label count in the mean",
        MODELS + "masks.py",
        "present * ops.divide_no_nan(num_rows, count)",
        "present",
    ),
    Bug("replicas count their own labels", MODELS + "masks.py", "if num_replicas() > 1:", "if False:"),
    Bug(
        "the mask of the representation's own factor",
        FACTOR_TERMS,
        "        if rows := masks.get(pair.target.name):\n            values",
        "        if rows := masks.get(pair.source, masks[pair.target.name]):\n            values",
    ),
    Bug(
        "one weight for every chase",
        FACTOR_TERMS,
        "pair.target.adversarial_weight * rows.weights",
        "rows.weights",
    ),
    Bug(
        "sum over the critics of a chase",
        FACTOR_TERMS,
        "rows.weights * ops.mean(values, axis=0)",
        "rows.weights * ops.sum(values, axis=0)",
    ),
    Bug(
        "smoothing and class weights in the loss of a factor's critics",
        FACTOR_TERMS,
        "errors = factor_losses.prediction_error(",
        "errors = factor_losses.factor_loss(",
    ),
    Bug("sign of the chase of values", FACTOR_LOSSES, "return -(ops.minimum", "return (ops.minimum"),
    Bug(
        "no clamp for values",
        FACTOR_LOSSES,
        "ops.minimum(errors, 1.0) if clamp else errors",
        "errors",
    ),
    Bug(
        "unknown values spoil the gradient",
        FACTOR_LOSSES,
        "errors = ops.square(ops.where(unknown, predictions, targets) - predictions)",
        "errors = ops.where(unknown, 0.0, ops.square(targets - predictions))",
    ),
    Bug(
        "values in the units of the data",
        MODELS + "factor_targets.py",
        "return (values - ops.convert_to_tensor(mean, floatx)) / ops.convert_to_tensor(scale, floatx)",
        "return values",
    ),
    Bug(
        "scope `branch` of a factor reaches the trunk",
        FACTOR_MODEL,
        "name: rerouted(self.branches[name], detached, training)",
        "name: rerouted(self.branches[name], features, training)",
    ),
    Bug(
        "route `branch` reaches the branches of factors",
        FACTOR_MODEL,
        'if objective.reconstruction_route == "all" else ops.stop_gradient(values)',
        'if objective.reconstruction_route != "none" else values',
    ),
    Bug(
        "heads on a representation cut off from the trunk",
        FACTOR_MODEL,
        "predictions = {name: self.heads[name](values) for name, values in representations.items()}",
        "predictions = {\n"
        "            name: self.heads[name](shaped.get(name, values))\n"
        "            for name, values in representations.items()\n"
        "        }",
    ),
    Bug(
        "both routes through a branch update its statistics",
        STEP,
        "    values, _ = branch.stateless_call(\n"
        "        branch.trainable_variables, branch.non_trainable_variables, features, training=training\n"
        "    )\n",
        "    values = branch(features, training=training)\n",
    ),
    Bug(
        "critics of the second factor see the first's hidden layers",
        MODELS + "critic_panel.py",
        "hidden[index * count : (index + 1) * count]",
        "hidden[:count]",
    ),
    Bug(
        "stacked critics start smaller",
        MODELS + "critic_panel.py",
        "VarianceScaling(2.0 * count,",
        "VarianceScaling(2.0,",
    ),
    Bug(
        "what covaries with the labels stays after the erasure",
        ERASURE,
        "np.linalg.svd(whitening @ cross_covariance, full",
        "np.linalg.svd(cross_covariance, full",
    ),
    Bug("the erasure moves the mean", ERASURE, "removed @ mean, directions", "0 * mean, directions"),
    Bug(
        "a resumed training begins with an empty bank",
        CHECKPOINTS,
        "in enumerate(holder.variables)",
        'in enumerate(holder.variables)\n        if "bank" not in variable.path',
    ),
    Bug(
        "a resumed training has a new optimiser of the critics",
        CHECKPOINTS,
        '"critic_optimizer": model.critic_optimizer}',
        '"critic_optimizer": None}',
    ),
    Bug(
        "a resumed training goes on from the averages",
        CHECKPOINTS,
        '("_ema_weights_in_model",)',
        "()",
    ),
    Bug(
        "a resumed training drops out other units",
        CHECKPOINTS,
        "in enumerate(holder.variables)",
        'in enumerate(holder.variables)\n        if "seed_generator" not in variable.path',
    ),
    Bug(
        "a resumed training sees the first batches again",
        TRAINING + "fit.py",
        '"start_step": run.first_epoch * run.steps_per_epoch',
        '"start_step": 0',
    ),
    Bug(
        "a run on several devices normalises on each",
        TRAINING + "run_model.py",
        "if config.num_replicas > 1:",
        "if config.num_replicas > 2:",
    ),
    Bug(
        "each device augments its rows as if they were the first",
        TRAINING + "config.py",
        "return self.jit_compile or self.num_replicas > 1",
        "return self.jit_compile",
    ),
    Bug(
        "penalties of an own trunk give no gradient",
        STEP,
        "return sum(losses) / num_replicas()",
        "return sum(map(ops.stop_gradient, losses)) / num_replicas()",
    ),
    Bug("a resumed training has all its patience again", CHECKPOINTS, '("best", "wait")', '("best",)'),
)


def plant(bug: Bug, copy: Path) -> None:
    """Writes the changed file into the copy."""
    text = (ROOT / bug.file).read_text(encoding="utf-8")
    if text.count(bug.old) != 1:
        raise SystemExit(
            f"{bug.name}: {bug.old!r} occurs {text.count(bug.old)} times in {bug.file}, not once."
        )
    (copy / bug.file).write_text(text.replace(bug.old, bug.new), encoding="utf-8")


def first_failure(copy: Path, file: str) -> str | None:
    """Runs the tests of the models, or of resuming, in the copy; returns the name of the first that fails.

    Args:
        copy: of the checkout.
        file: that holds the bug; decides which test comes first.
    """
    of_factors = any(word in file for word in ("factor", "masks", "panel"))
    steps = f"tests/models/test_{'factor_model' if of_factors else 'disentangling'}_step.py"
    if file == ERASURE:  # No step has part in it.
        steps = "tests/models/test_erasure.py"
    others = sorted(
        str(path.relative_to(copy))
        for path in (copy / "tests/models").glob("test_*.py")
        if path.name not in (Path(steps).name, "test_backbones.py")
    )
    if file.startswith(TRAINING):
        steps = "tests/training/test_resume.py"
        others = [f"tests/training/test_{name}.py" for name in ("checkpoints", "run_model", "devices")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=line",
        steps,
        *others,
    ]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "300"}
    where = subprocess.run(
        [sys.executable, "-c", "import keras_fer; print(keras_fer.__file__)"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(where).is_relative_to(copy):
        raise SystemExit(f"The tests would run against {where}, not against the copy in {copy}.")
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    found = re.search(
        r"^(?:FAILED|ERROR) tests/(?:models|training)/(\S+?\.py)(?:::(.+?))?(?: - |$)",
        run.stdout,
        re.MULTILINE,
    )
    if not found:
        raise SystemExit(run.stdout[-2000:] + run.stderr[-2000:])
    return f"`{found[1]}::{found[2]}`"


def main(words: list[str]) -> int:
    """Plants each bug whose name holds one of the words; returns the exit code."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(".git", "__pycache__", ".venv", "runs", "prepared")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for bug in BUGS:
            if words and not any(word in bug.name for word in words):
                continue
            plant(bug, copy)
            caught = first_failure(copy, bug.file)
            missed += caught is None
            print(f"| {bug.name} | {caught or 'NOTHING'} |", flush=True)
            shutil.copyfile(ROOT / bug.file, copy / bug.file)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
