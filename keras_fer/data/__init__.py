"""From raw folders to `tf.data`: readers, the prepared format, sampling, augmentation."""
