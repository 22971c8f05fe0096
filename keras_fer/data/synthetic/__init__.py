"""Procedural faces with known factors.

`SyntheticConfig` describes a data set, `render` makes one of its images, `prepare_synthetic` all of
them; `scene`, `intervene` and `render_scene` make pictures that differ in exactly one thing.
"""
