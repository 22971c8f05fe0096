"""What is fuzzed, by name: every parser of this package, each as a function of bytes."""

from dataset_targets import (
    archive_mutator,
    archives,
    csv_lists,
    label_lists,
    npy_annotations,
    prepared,
    prepared_mutator,
    set_up_lists,
    set_up_npy,
    set_up_prepared,
)
from fuzz_target import Target
from mutators import json_mutator, zip_mutator
from picture_targets import images, set_up_sources, source_names
from run_targets import (
    ablation_mutator,
    ablations,
    contract,
    model_file,
    results,
    run_files,
    set_up_results,
    set_up_run,
    tf_config,
)

TARGETS: dict[str, Target] = {
    "csv_lists": Target(csv_lists, "fer2013, FER+, AffectNet 2017 and generic CSV", set_up_lists),
    "label_lists": Target(label_lists, "label lists of RAF-DB and ExpW", set_up_lists, max_bytes=4096),
    "npy_annotations": Target(npy_annotations, "npy labels and landmarks of AffectNet 2021", set_up_npy),
    "archives": Target(
        archives, "zip and tar archives of data sets", mutator=archive_mutator, max_bytes=16384
    ),
    "prepared": Target(
        prepared,
        "prepared data set: manifest, labels, shards, what an interruption leaves",
        set_up_prepared,
        prepared_mutator,
        16384,
    ),
    "contract": Target(contract, "contract of a model", mutator=json_mutator),
    "tf_config": Target(tf_config, "the variable `TF_CONFIG`", mutator=json_mutator, max_bytes=2048),
    "model_file": Target(model_file, "contract inside a `.tflite` file", mutator=zip_mutator),
    "run_files": Target(
        run_files,
        "run folder: config, history, checkpoint, report tables",
        set_up_run,
        lambda mutate: json_mutator(mutate, prefix=1),
    ),
    "ablations": Target(
        ablations, "ablation as JSON and TOML, results of its runs", mutator=ablation_mutator
    ),
    "results": Target(
        results,
        "probes.json and interventions.json",
        set_up_results,
        lambda mutate: json_mutator(mutate, prefix=1),
        16384,
    ),
    "images": Target(images, "pictures of all formats", max_bytes=32768),
    "source_names": Target(source_names, "names of inputs, letterboxes", set_up_sources, max_bytes=1024),
}
