"""Reads operators, tensors and constants of a TFLite file, without running it."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Args:
        name: as the converter called it.
        dtype: such as `"INT8"`, in the words of the TFLite schema.
        shape: its dimensions.
        is_constant: whether its values are stored in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    is_constant: bool

    @property
    def num_values(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Operator:
    """A step of the graph: its kind, such as `"CONV_2D"`, and its tensors by position."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a TFLite file; operators come in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]

    @cached_property
    def histogram(self) -> dict[str, int]:
        """How often each kind of operator occurs, most frequent first."""
        return dict(Counter(operator.kind for operator in self.operators).most_common())

    @property
    def num_constants(self) -> int:
        """How many numbers the file stores: weights, biases and small constants of the graph."""
        return sum(tensor.num_values for tensor in self.tensors if tensor.is_constant)

    def learned(self, operator: Operator, smallest: int = 64) -> bool:
        """Whether an operator has weights; what holds fewer than `smallest` numbers is a fixed constant."""
        return operator.kind in _WEIGHTED and any(
            self.tensors[index].is_constant and self.tensors[index].num_values >= smallest
            for index in operator.inputs
            if index >= 0
        )


_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL")


def read_graph(model: bytes) -> Graph:
    """Reads the graph of a TFLite file.

    Args:
        model: content of the file; it is trusted, a damaged one gives any exception.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = schema.Model.GetRootAs(model)
    subgraph = file.Subgraphs(0)
    types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    tensors = []
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        shape = () if tensor.ShapeIsNone() else tuple(int(size) for size in tensor.ShapeAsNumpy())
        stored = file.Buffers(tensor.Buffer()).DataLength() > 0
        tensors.append(Tensor((tensor.Name() or b"").decode(), types[tensor.Type()], shape, stored))
    operators = []
    for index in range(subgraph.OperatorsLength()):
        operator = subgraph.Operators(index)
        code = file.OperatorCodes(operator.OpcodeIndex())
        kind = kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(operator.Inputs(position) for position in range(operator.InputsLength()))
        outputs = tuple(operator.Outputs(position) for position in range(operator.OutputsLength()))
        operators.append(Operator(kind, inputs, outputs))
    return Graph(tuple(tensors), tuple(operators))
