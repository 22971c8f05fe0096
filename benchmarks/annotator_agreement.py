"""How often one annotator of FER+ names the expression that the others name.

    tar xzf ferplus.tar.gz && python benchmarks/annotator_agreement.py ferplus/fer2013new.csv

Ten people voted on each image. Each vote for an expression is held against the most frequent expression
among the others; where several are equally frequent, it counts for its share of them. Votes for "unknown"
and "no face" are left out. Images are those of FER2013Valid where one expression has the majority, which
models are judged on too.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from keras_fer.data.readers.ferplus import expression_of
from keras_fer.labels import EXPRESSIONS_8

_OTHERS = ("unknown", "NF")


def judged_votes(path: Path) -> np.ndarray:
    """Returns the votes for the eight expressions on the images that models are judged on, int `(n, 8)`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Usage"] == "PublicTest" and row["Image name"]]
    votes = np.array([[int(row[name]) for name in (*EXPRESSIONS_8, *_OTHERS)] for row in rows])
    kept = [reason is None for _, _, reason in (expression_of(counts, "majority") for counts in votes)]
    return votes[kept][:, : len(EXPRESSIONS_8)]


def agreement(votes: np.ndarray) -> float:
    """Returns the share of votes that the others agree with, a mean over images.

    Args:
        votes: int `(n, K)`, how many people voted for each class.
    """
    shares = []
    for counts in votes:
        agreed = 0.0
        for label in np.flatnonzero(counts):
            others = counts - (np.arange(len(counts)) == label)
            most = others == others.max()
            agreed += counts[label] * most[label] / most.sum()
        shares.append(agreed / counts.sum())
    return float(np.mean(shares))


def main() -> None:
    """Prints the agreement."""
    parser = argparse.ArgumentParser(description="Agreement of the annotators of FER+.")
    parser.add_argument("csv", type=Path, help="fer2013new.csv")
    votes = judged_votes(parser.parse_args().csv)
    print(f"{agreement(votes):.1%} of the votes agree with the others, a mean over {len(votes):,} images")


if __name__ == "__main__":
    main()
