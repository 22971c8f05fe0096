"""Backbones, branches, critics, losses and the model that trains them."""
