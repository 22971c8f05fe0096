"""The environment variable in which TensorFlow's launchers name the processes of a training."""

import re
from collections.abc import Mapping
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.training.cluster import Cluster

VARIABLE = "TF_CONFIG"

_EXAMPLE = (
    '{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}, '
    "with another index in each process"
)
# Of the roles that TensorFlow knows, those that share the batches; the chief is the first of all.
_ROLES = ("chief", "worker")


def tf_config_cluster(text: str) -> Cluster | None:
    """Reads what launchers put into the environment variable `TF_CONFIG`.

    Args:
        text: JSON with `cluster`, addresses by role, and `task`, role and number of this process.

    Returns:
        None where it names one process alone, or is an empty object.

    Raises:
        FERError: if it is malformed, or names a role that trains in another way.
    """
    try:
        config = parsed_json(text)
    except ValueError as error:
        raise FERError(f"{VARIABLE} is not JSON ({error}). It looks like {_EXAMPLE}.") from error
    whole = _part(config, "whole")
    if not whole:
        return None
    roles = _part(whole.get("cluster"), "cluster")
    task = _part(whole.get("task"), "task")
    if others := sorted(set(roles) - set(_ROLES)):
        raise FERError(
            f"{VARIABLE} names the role {others[0]!r}; here processes are {' and '.join(_ROLES)} only, "
            "and the chief evaluates when training has ended."
        )
    for name, listed in roles.items():
        if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
            raise FERError(f"{VARIABLE}: cluster.{name} is no list of addresses. It looks like {_EXAMPLE}.")
    role, index = task.get("type"), task.get("index")
    number = int(index) if isinstance(index, (int, str)) and re.fullmatch("[0-9]{1,6}", str(index)) else -1
    if not isinstance(role, str) or role not in roles or not 0 <= number < len(roles[role]):
        raise FERError(
            f"{VARIABLE}: the task names none of the cluster's processes. Received: "
            f"type={role!r}, index={index!r}; there are "
            f"{', '.join(f'{len(listed)} of type {name!r}' for name, listed in roles.items()) or 'none'}, "
            "numbered from 0."
        )
    before = len(roles.get("chief", ())) if role == "worker" else 0
    addresses = [address for known in _ROLES for address in roles.get(known, ())]
    return None if len(addresses) == 1 else Cluster(tuple(addresses), before + number)


def _part(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FERError(f"{VARIABLE}: the {name} is missing or no JSON object. It looks like {_EXAMPLE}.")
    return value
