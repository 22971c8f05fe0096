from keras_fer.export.tflite_graph import Graph, Operator, Tensor, read_graph


def test_reads_operators_tensors_and_constants(tiny_tflite, tiny_classifier):
    graph = read_graph(tiny_tflite())
    assert graph.histogram["CONV_2D"] == 1
    assert sum(graph.histogram.values()) == len(graph.operators)
    first, last = graph.operators[0], graph.operators[-1]
    assert graph.tensors[first.inputs[0]].shape == (1, 16, 16, 3)
    assert graph.tensors[last.outputs[0]].dtype == "FLOAT32"
    parameters = tiny_classifier().count_params()
    assert abs(graph.num_constants - parameters) <= 16


def test_a_layer_has_weights_from_64_numbers_on():
    tensors = (
        Tensor("picture", "FLOAT32", (1, 8, 8, 3), False),
        Tensor("luma", "FLOAT32", (1, 1, 1, 3), True),
        Tensor("kernel", "FLOAT32", (8, 3, 3, 3), True),
    )
    luma = Operator("CONV_2D", (0, 1, -1), (0,))
    layer = Operator("CONV_2D", (0, 2, -1), (0,))
    scale = Operator("MUL", (0, 2), (0,))
    graph = Graph(tensors, (luma, layer, scale))
    assert [graph.learned(operator) for operator in graph.operators] == [False, True, False]
    assert graph.num_constants == 3 + 216
    assert graph.histogram == {"CONV_2D": 2, "MUL": 1}
