"""What the references of both step tests have in common, written by hand from the formulas."""

import numpy as np
import tensorflow as tf

LUMA = (0.299, 0.587, 0.114)


def cross_entropy(labels, logits):
    return -tf.reduce_sum(labels * tf.nn.log_softmax(logits), axis=1)


def judged(weights, representation):
    """A critic, Dense – LeakyReLU – Dense – LeakyReLU – Dense, from its six arrays."""
    hidden = tf.nn.leaky_relu(representation @ weights[0] + weights[1], 0.2)
    hidden = tf.nn.leaky_relu(hidden @ weights[2] + weights[3], 0.2)
    return hidden @ weights[4] + weights[5]


def adversarial(objective, class_prior, labels, logits):
    """Of classes, 0 for a row of zeros among the labels."""
    count = labels.shape[1]
    prior = np.array(class_prior or [1 / count] * count)
    entropy = -np.sum(prior * np.log(prior))
    log_p = tf.nn.log_softmax(logits)
    present = labels.sum(axis=1)
    if objective.adversarial_mode == "uniform":
        return present * (-tf.reduce_sum(prior * log_p, axis=1) - entropy)
    if objective.adversarial_mode == "entropy":
        return present * (entropy + tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))
    error = cross_entropy(labels, logits)
    return -tf.minimum(error, np.log(count)) if objective.adversarial_clamp else -error


def decorrelation(values):
    centred = values - tf.reduce_mean(values, axis=0)
    covariance = tf.transpose(centred) @ centred / (values.shape[0] - 1)
    off_diagonal = covariance * (1 - np.eye(values.shape[1]))
    return tf.reduce_sum(off_diagonal**2) / values.shape[1]


def picture(images, decoder):
    """What a decoder is to draw: gray where it has one channel, in [−1, 1]."""
    gray = decoder.output_shape[-1] == 1
    return (tf.reduce_sum(images * LUMA, -1, keepdims=True) if gray else images) / 127.5 - 1


def half_squares(target, decoded):
    return tf.reduce_mean(0.5 * (target - decoded) ** 2, axis=[1, 2, 3])


def salted(seed, salt):
    """The second half of a seed of the step."""
    return int(np.random.SeedSequence((seed, salt)).generate_state(1)[0]) // 2


def perturbed(code, noise, seed, step, salt):
    pair = (step, salted(seed, 7919 + salt))
    normal = tf.random.stateless_normal(code.shape, pair, dtype=tf.float64, alg="philox")
    return code + noise * np.std(code.numpy(), axis=0) * normal


class Bank:
    """Rows in the order of their slots; the oldest are written over."""

    def __init__(self, capacity):
        self.capacity, self.seen, self.slots = capacity, 0, {}

    def push(self, rows):
        for row in rows:
            self.slots[self.seen % self.capacity] = row
            self.seen += 1

    def draw(self, count, seed):
        uniform = tf.random.stateless_uniform((count,), seed, alg="philox").numpy()
        return [self.slots[int(share * len(self.slots))] for share in uniform]
