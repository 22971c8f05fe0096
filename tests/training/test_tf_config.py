import json

import pytest

from keras_fer.errors import FERError
from keras_fer.training.cluster import Cluster
from keras_fer.training.tf_config import tf_config_cluster

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
    cluster = tf_config_cluster(text)
    assert cluster == Cluster(addresses, worker)
    assert cluster.is_chief == (worker == 0)
    assert cluster.num_workers == len(addresses)


@pytest.mark.parametrize("cluster", [{"worker": ["one:1"]}, {"chief": ["one:1"]}])
def test_a_process_alone_is_no_cluster(cluster):
    assert tf_config_cluster(tf_config(cluster, role=next(iter(cluster)))) is None
    assert tf_config_cluster("{}") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "TF_CONFIG is not JSON .* It looks like "),
        ("[" * 100_000, "TF_CONFIG is not JSON .*nested too deeply"),
        ("[]", "TF_CONFIG: the whole is missing or no JSON object. It looks like "),
        ("null", "the whole is missing"),
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
        (tf_config(index=2), "the task names none of .* index=2; there are 2 of type 'worker', num"),
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
        tf_config_cluster(text)
