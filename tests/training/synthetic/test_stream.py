import pickle

import numpy as np
import pytest

from training.synthetic.scene import Synthesizer
from training.synthetic.stream import RenderedStream


def test_an_item_is_what_the_synthesizer_renders(synthesizer: Synthesizer) -> None:
    stream = RenderedStream(seed=3, num_subjects=3, num_frames=2, side=48)
    assert len(stream) == 6
    frame = synthesizer.frame(synthesizer.subject(1), (1, 1), (48, 48))
    pair = stream[3]
    assert pair.shape == (48, 48, 5)
    assert pair.dtype == np.uint8
    np.testing.assert_array_equal(pair[..., :4], frame.dressed)
    np.testing.assert_array_equal(pair[..., 4], frame.naked[..., 3])
    np.testing.assert_array_equal(stream.pair(3).layers, pair)
    np.testing.assert_array_equal(stream.pair(3).keypoints, frame.coco_keypoints)


def test_items_are_the_same_in_any_order_and_in_any_process() -> None:
    stream = RenderedStream(seed=5, num_subjects=2, num_frames=2, side=32)
    forwards = [stream[number] for number in range(4)]
    copy = pickle.loads(pickle.dumps(stream))  # what a worker gets
    for number in (3, 0, 2, 1):
        np.testing.assert_array_equal(copy[number], forwards[number])
    assert (forwards[0] != forwards[1]).any()


def test_pictures_of_nobody_are_those_of_the_synthesizer(synthesizer: Synthesizer) -> None:
    stream = RenderedStream(seed=3, num_subjects=1, num_frames=1, side=48)
    np.testing.assert_array_equal(stream.empty(7), synthesizer.empty((7, 0), (48, 48)))


def test_there_is_nothing_beyond_the_last_item() -> None:
    stream = RenderedStream(seed=0, num_subjects=2, num_frames=2, side=32)
    with pytest.raises(IndexError, match="pair 4 of 4"):
        stream[4]


@pytest.mark.parametrize("name", ["num_subjects", "num_frames", "side", "samples"])
def test_a_count_of_zero_is_named(name: str) -> None:
    counts = {"num_subjects": 2, "num_frames": 2, "side": 32, "samples": 1} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} is 0; at least 1 is needed"):
        RenderedStream(seed=0, **counts)
