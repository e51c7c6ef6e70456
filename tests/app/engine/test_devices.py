import pytest
import torch

from app.engine.devices import resolve_devices, synchronize
from app.settings import ConfigurationError, Settings


def test_devices_that_are_not_there_are_refused() -> None:
    assert resolve_devices("cpu") == [torch.device("cpu")]
    count = torch.cuda.device_count()
    with pytest.raises(ConfigurationError, match=f"sees {count} CUDA devices"):
        resolve_devices(f"cuda:{count}")
    if not torch.backends.mps.is_available():
        with pytest.raises(ConfigurationError, match="Metal"):
            resolve_devices("mps")


def test_auto_takes_an_accelerator_where_there_is_one() -> None:
    [device] = resolve_devices("auto")
    if torch.cuda.is_available():
        assert device == torch.device("cuda", 0)
    else:
        assert device.type in ("mps", "cpu")


def test_several_devices_are_named_one_by_one_or_all_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    two = [torch.device("cuda", 0), torch.device("cuda", 2)]
    assert resolve_devices("cuda:0,cuda:2") == two
    assert resolve_devices("cuda:all") == [torch.device("cuda", index) for index in range(3)]
    with pytest.raises(ConfigurationError, match="names a device twice"):
        resolve_devices("cuda,cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigurationError, match="sees 0 CUDA devices"):
        resolve_devices("cuda:all")


@pytest.mark.parametrize("names", ["cuda:0,cuda:1", "cuda:all", "cuda", "cuda:7", "auto"])
def test_these_are_names_of_devices(names: str) -> None:
    assert Settings(device=names).device == names


@pytest.mark.parametrize(
    "names", ["", "cpu,cpu", "cuda:0,", "cuda:0,cpu", "gpu", "cuda:all,cuda:0"]
)
def test_these_are_not(names: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Settings(device=names)


def test_the_processor_always_works() -> None:
    synchronize(torch.device("cpu"))
