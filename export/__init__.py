"""From a trained model to verified files for devices."""
