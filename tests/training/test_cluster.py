import json
import re

import pytest
import tensorflow as tf
from local_cluster import free_addresses

from keras_fer.errors import FERError
from keras_fer.training.cluster import Cluster, require_cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.devices import Devices

WORKERS = {"worker": ["one:1", "two:2"]}


def tf_config(cluster=WORKERS, role="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})


@pytest.mark.parametrize(
    ("text", "addresses", "worker"),
    [
        (tf_config(), ("one:1", "two:2"), 0),
        (tf_config(index="1"), ("one:1", "two:2"), 1),
        (tf_config({"chief": ["one:1"], "worker": ["two:2"]}, "chief"), ("one:1", "two:2"), 0),
        (tf_config({"worker": ["b:2", "c:3"], "chief": ["a:1"]}, index=1), ("a:1", "b:2", "c:3"), 2),
        (tf_config({"worker": ["[::1]:1", "10.0.0.1:65535"]}), ("[::1]:1", "10.0.0.1:65535"), 0),
    ],
)
def test_what_launchers_write(text, addresses, worker):
    cluster = Cluster.from_tf_config(text)
    assert cluster == Cluster(addresses, worker)
    assert cluster.is_chief == (worker == 0)
    assert cluster.num_workers == len(addresses)


@pytest.mark.parametrize("cluster", [{"worker": ["one:1"]}, {"chief": ["one:1"]}])
def test_a_process_alone_is_no_cluster(cluster):
    assert Cluster.from_tf_config(tf_config(cluster, role=next(iter(cluster)))) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "TF_CONFIG is not JSON .* It looks like "),
        ("[]", "TF_CONFIG: the cluster is missing or no JSON object. It looks like "),
        ("null", "the cluster is missing"),
        ('{"cluster": []}', "the cluster is missing or no JSON object"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "the task is missing"),
        (tf_config({"worker": "a:1"}), "cluster.worker is no list of addresses"),
        (tf_config({"worker": [1, 2]}), "cluster.worker is no list of addresses"),
        (
            tf_config({**WORKERS, "ps": ["c:3"]}),
            "names the role 'ps'; here processes are chief and worker only",
        ),
        (tf_config(role="evaluator"), "the task names none of .* Received: type='evaluator', index=0"),
        (tf_config(role=["worker"]), "the task names none of"),
        (tf_config(index=2), "the task names none of .* index=2"),
        (tf_config(index=-1), "the task names none of"),
        (tf_config(index=None), "the task names none of .* index=None"),
        (tf_config(index=True), "the task names none of"),
        (tf_config(index=0.5), "the task names none of"),
        (tf_config({"worker": ["a", "b:1"]}), "named by host and port, such as 10.0.0.1:2222. Received: 'a'"),
        (tf_config({"worker": ["a:1", "a:1"]}), "each with an address of its own. Received: a:1,a:1"),
        (tf_config({}), "the task names none of"),
    ],
)
def test_a_malformed_variable_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(FERError, match=sentence):
        Cluster.from_tf_config(text)


@pytest.mark.parametrize(
    "address", ["", "a", "a:", ":1", "a:0", "a:65536", "a:b", "a b:1", "::1:1", "http://a:1"]
)
def test_what_is_no_address(address):
    with pytest.raises(FERError, match=re.escape(f"Received: {address!r}")):
        Cluster((address, "other:1"), 0)


@pytest.mark.parametrize("worker", [-1, 2])
def test_a_process_that_is_not_there(worker):
    with pytest.raises(FERError, match=f"numbered from 0 to 1. Received: worker={worker}"):
        Cluster(("a:1", "b:1"), worker)


def test_a_run_is_one_of_its_number_of_processes():
    cluster = Cluster(("a:1", "b:1"), 0)
    require_cluster(TrainingConfig("data", "run"), None)
    require_cluster(TrainingConfig("data", "run", workers=2), cluster)
    for workers, present in ((1, cluster), (2, None), (3, cluster)):
        with pytest.raises(FERError, match=f"is one of {workers} processes, and the cluster has"):
            require_cluster(TrainingConfig("data", "run", batch_size=36, workers=workers), present)


def test_a_part_of_the_processor_is_not_divided():
    with pytest.raises(FERError, match="start more processes in place of `devices` cpu:2"):
        Cluster(("a:1", "b:1"), 0).scope(Devices("CPU", 2))


def test_more_gpus_than_there_are():
    with pytest.raises(FERError, match="asks for 999 GPUs in each process"):
        Cluster(("a:1", "b:1"), 0).scope(Devices("GPU", 999))


def test_a_process_that_is_at_work_joins_no_cluster():
    assert tf.constant(1) + 1 == 2
    with pytest.raises(FERError, match="at work already, and joins a cluster only before"):
        Cluster(tuple(free_addresses()), 0).scope(Devices("CPU", 1))
