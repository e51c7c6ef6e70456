import pytest

from training.synthetic.scene import Synthesizer


@pytest.fixture(scope="session")
def synthesizer() -> Synthesizer:
    return Synthesizer(seed=3, device="cpu")
