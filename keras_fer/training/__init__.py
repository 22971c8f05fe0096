"""A training run: its config, its callbacks, its folder."""
