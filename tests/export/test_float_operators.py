import pytest

from keras_fer.export.float_operators import float_operators
from keras_fer.export.tflite_graph import Graph, Operator, Tensor, read_graph


@pytest.fixture(scope="module")
def int8_graph(exported):
    return read_graph((exported[0] / "stripes_static_wi8_ai8.tflite").read_bytes())


def test_standardisation_and_answer_stay_in_float(int8_graph):
    graph = int8_graph
    kinds = [operator.kind for operator in graph.operators]
    types = [graph.tensors[operator.outputs[0]].dtype for operator in graph.operators]
    start, end = kinds.index("QUANTIZE"), kinds.index("DEQUANTIZE")
    assert {"RSQRT", "MEAN"} <= set(kinds[:start])
    assert set(types[:start]) == {"FLOAT32"}
    assert kinds[start + 1 : end] == ["CONV_2D", "CONV_2D", "MEAN"]
    assert set(types[start:end]) == {"INT8"}
    assert kinds[end + 1 :] == ["FULLY_CONNECTED", "SOFTMAX"]
    assert kinds.count("QUANTIZE") == kinds.count("DEQUANTIZE") == 1


def chain(*kinds):
    """A graph of one operator after the other; those with a star have weights."""
    tensors = [Tensor("kernel", "FLOAT32", (100,), True), Tensor("images", "FLOAT32", (1, 16, 16, 3), False)]
    operators = []
    for kind in kinds:
        weights = (0,) if kind.endswith("*") else ()
        operators.append(Operator(kind.rstrip("*"), (len(tensors) - 1, *weights), (len(tensors),)))
        tensors.append(Tensor(f"after {kind}", "FLOAT32", (1, 8), False))
    return Graph(tuple(tensors), tuple(operators))


@pytest.mark.parametrize(
    ("kinds", "in_float"),
    [
        (["MUL", "CONV_2D*", "MEAN", "FULLY_CONNECTED*", "SOFTMAX"], ["MUL", "FULLY_CONNECTED*", "SOFTMAX"]),
        (["CONV_2D", "RSQRT", "CONV_2D*", "CONV_2D*", "SOFTMAX"], ["CONV_2D", "RSQRT", "SOFTMAX"]),
        (["MUL", "FULLY_CONNECTED*", "SOFTMAX"], ["MUL", "SOFTMAX"]),
        (["MUL", "SOFTMAX"], []),
    ],
)
def test_what_stays_in_float(kinds, in_float):
    assert float_operators(chain(*kinds)) == [f"after {kind}" for kind in in_float]
