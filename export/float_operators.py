"""Which operators stay in float when a model becomes int8."""

from collections.abc import Sequence

from keras_fer.export.tflite_graph import Graph


def float_operators(graph: Graph) -> list[str]:
    """Names the operators that stay in float when the rest becomes int8; see `float_positions`.

    Args:
        graph: of the model in float.

    Returns:
        The operators, by the names of their outputs.
    """
    operators = graph.operators
    weighted = [position for position, operator in enumerate(operators) if graph.learned(operator)]
    dense = bool(weighted) and operators[weighted[-1]].kind == "FULLY_CONNECTED"
    in_float = [operators[position] for position in float_positions(len(operators), weighted, dense)]
    return [graph.tensors[index].name for operator in in_float for index in operator.outputs]


def float_positions(num_operators: int, weighted: Sequence[int], dense: bool) -> list[int]:
    """Returns which operators of a graph, in the order in which they run, stay in float.

    - Everything before the first layer with weights. Where that standardises each image, int8 holds
      neither a variance, whose steps would be 60 gray levels squared, nor its inverse root: on faces
      the largest error of a probability was 0.21 in int8 and 0.08 this way, which is also faster.
    - The last dense layer and what follows: a probability in int8 has steps of 1/256, so that
      answers tie, and the layer costs next to nothing.

    Args:
        num_operators: of the graph.
        weighted: positions of those with learned weights.
        dense: whether the last of these is a dense layer.
    """
    if not weighted:
        return []
    first, last = weighted[0], weighted[-1]
    # A net of a single layer would have nothing left to quantise.
    end = last if dense and first < last else last + 1
    return [*range(first), *range(end, num_operators)]
