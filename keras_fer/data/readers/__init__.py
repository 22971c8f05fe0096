"""One reader per data set: raw folder to `Record`s."""
