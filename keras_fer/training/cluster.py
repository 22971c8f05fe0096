"""The processes, on one machine or several, that share each batch of a training."""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from keras_fer.errors import FERError
from keras_fer.training.config import TrainingConfig
from keras_fer.training.devices import Devices

if TYPE_CHECKING:
    import numpy as np

# TensorFlow itself waits for the other processes for an hour.
START_LIMIT_S = 600


class ProcessEndedError(FERError):
    """Another process of the cluster has ended before its time.

    TensorFlow may then wait for it when this process is to end by itself: `os._exit` ends it at once.
    """


@dataclass(frozen=True)
class Cluster:
    """All processes of a training, and which of them this is.

    Args:
        addresses: `host:port` of each process, two or more, in the same order in all of them; each listens on
            its own port.
        worker: number of this process, from 0; number 0 is the chief, which alone writes the run folder.
    """

    addresses: tuple[str, ...]
    worker: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", tuple(self.addresses))
        for address in self.addresses:
            port = re.fullmatch(r"(?:[^\s,:/\[\]]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})", address)
            if port is None or not 0 < int(port[1]) < 65536:
                raise FERError(
                    "A process of a cluster is named by host and port, such as 10.0.0.1:2222. "
                    f"Received: {address!r}"
                )
        if len(self.addresses) < 2 or len(set(self.addresses)) < len(self.addresses):
            raise FERError(
                "A cluster is two or more processes, each with an address of its own. "
                f"Received: {','.join(self.addresses)}"
            )
        if not 0 <= self.worker < len(self.addresses):
            raise FERError(
                f"The {len(self.addresses)} processes of the cluster are numbered from 0 to "
                f"{len(self.addresses) - 1}. Received: worker={self.worker}"
            )

    @property
    def num_workers(self) -> int:
        """Number of processes."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    def scope(self, devices: Devices) -> AbstractContextManager:
        """Waits for the other processes; returns the scope that a model is built, compiled and restored in.

        Where they do not come within `START_LIMIT_S`, or at Ctrl-C, the process ends: TensorFlow cannot be
        told to stop waiting.

        Args:
            devices: of this process; as many in all the others.

        Raises:
            FERError: if the machine has fewer GPUs, or TensorFlow has computed something before.
        """
        return _strategy(self, devices).scope()

    def meet(self, config: TrainingConfig) -> None:
        """Waits until every process has come here, so that none takes another's end for a failure.

        Args:
            config: of the run that they have trained.

        Raises:
            ProcessEndedError: if another ends before.
        """
        import tensorflow as tf

        def one() -> Any:
            return tf.distribute.get_replica_context().all_reduce("SUM", tf.ones(()))

        with self.watched(config):
            _strategy(self, Devices.parse(config.devices)).run(one)

    def gathered(self, config: TrainingConfig, numbers: "np.ndarray") -> "np.ndarray":
        """Waits until every process has come here, and returns what all of them bring.

        Args:
            config: of the run.
            numbers: of this process, float32 `(n,)`; n need not be that of the others.

        Returns:
            The numbers of every device of every process, in their order, float32 `(sum of all n,)`.

        Raises:
            ProcessEndedError: if another ends before.
        """
        import tensorflow as tf

        strategy = _strategy(self, Devices.parse(config.devices))

        def own() -> Any:
            return tf.distribute.get_replica_context().all_gather(tf.constant(numbers, tf.float32), axis=0)

        with self.watched(config):
            everywhere = tf.function(lambda: strategy.run(own))()
            return strategy.experimental_local_results(everywhere)[0].numpy()

    @contextmanager
    def watched(self, config: TrainingConfig) -> Iterator[None]:
        """Says in a sentence that another process has ended, where TensorFlow raises its errors.

        Args:
            config: of the run.

        Raises:
            ProcessEndedError: if another process ends in the meantime.
        """
        import tensorflow as tf

        try:
            yield
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
        ) as error:
            raise ProcessEndedError(
                f"Another of the {self.num_workers} processes has ended, or is not reached any more; its own "
                f"messages say why. `keras-fer train --resume {config.output}`, started in all of them, goes "
                "on after the last whole epoch, if there was one."
            ) from error


def require_cluster(config: TrainingConfig, cluster: Cluster | None) -> None:
    """Refuses a run of another number of processes than there are.

    Raises:
        FERError: if `workers` of the config is another number.
    """
    present = 1 if cluster is None else cluster.num_workers
    if config.workers == 1 and present > 1:
        raise FERError("The run is one of a single process: leave out --cluster and --worker, or TF_CONFIG.")
    if config.workers != present:
        raise FERError(
            f"The run is one of {config.workers} processes, and the cluster has {present}: start it in "
            f"{config.workers}, each with --cluster and --worker or with TF_CONFIG."
        )


@cache
def _strategy(cluster: Cluster, devices: Devices) -> Any:
    """One for the whole process: TensorFlow joins a cluster once."""
    import tensorflow as tf

    if devices.kind == "CPU" and devices.count > 1:
        raise FERError(
            "A process of a cluster is not divided further: start more processes in place of "
            f"`devices` cpu:{devices.count}."
        )
    gpus = tf.config.list_physical_devices("GPU")
    if devices.count > max(1, len(gpus)):
        raise FERError(
            f"`devices` asks for {devices.count} GPUs in each process, and TensorFlow has {len(gpus)} here."
        )
    try:
        tf.config.set_visible_devices(gpus[: devices.count] if devices.kind == "GPU" else [], "GPU")
        with _ended_by_signals(START_LIMIT_S):
            return tf.distribute.MultiWorkerMirroredStrategy(
                tf.distribute.cluster_resolver.SimpleClusterResolver(
                    tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
                    task_type="worker",
                    task_id=cluster.worker,
                    rpc_layer="grpc",
                )
            )
    except tf.errors.UnknownError as error:
        raise FERError(
            f"This process cannot listen on {cluster.addresses[cluster.worker]}: another uses the port, or "
            "it is an address of another machine."
        ) from error
    except RuntimeError as error:
        raise FERError(
            "TensorFlow has been at work already, and joins a cluster only before: train in a process of "
            "its own."
        ) from error


@contextmanager
def _ended_by_signals(limit_s: float) -> Iterator[None]:
    """Lets the system end this process at Ctrl-C or after a time: no Python runs while TensorFlow waits."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return
    # TensorFlow takes SIGTERM for itself, and a process that is to end would go on.
    terminated = signal.getsignal(signal.SIGTERM)
    kept = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in kept.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGTERM, terminated)
