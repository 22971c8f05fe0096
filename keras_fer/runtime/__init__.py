"""What runs on the device: NumPy, Pillow and LiteRT, never TensorFlow."""
