"""The `keras-fer` command: one file per command."""
