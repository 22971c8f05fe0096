import json

import pytest

from keras_fer.training.json_values import unique_names


def test_names_in_their_order():
    assert list(json.loads('{"b": 1, "a": {"b": 2}}', object_pairs_hook=unique_names)) == ["b", "a"]


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"x": [{"a": 1, "b": 2, "a": 3}]}'])
def test_a_name_twice_is_refused(text):
    with pytest.raises(ValueError, match="'a' stands twice in one object"):
        json.loads(text, object_pairs_hook=unique_names)
