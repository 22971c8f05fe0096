import re

import pytest
import tensorflow as tf
from local_cluster import free_addresses

from keras_fer.errors import FERError
from keras_fer.training.cluster import Cluster, require_cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.devices import Devices


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
    with pytest.raises(FERError, match=r"is one of a single process: leave out --cluster and --worker"):
        require_cluster(TrainingConfig("data", "run"), cluster)
    for workers, present in ((2, None), (3, cluster)):
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
