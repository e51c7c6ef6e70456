import pytest
import torch
from torch import nn

from model.errors import InvalidInputError
from model.lite_unet import LiteUNet
from training.engine import muon
from training.engine.muon import Muon, orthogonalised
from training.engine.optimisation import Optimisation, make_optimisers


@pytest.fixture(params=[True, False], ids=["bfloat16", "float32"])
def in_bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(muon, "cpu_prefers_bfloat16", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize("shape", [(48, 20), (20, 48, 1, 1), (32, 16, 3, 3)])
def test_a_convolution_moves_as_torchs_muon_moves_it_as_a_matrix(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muon, "cpu_prefers_bfloat16", lambda: True)  # as torch's, always
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(shape))
    matrix = nn.Parameter(weight.detach().flatten(1).clone())
    ours = Muon([weight], 0.01, weight_decay=0.1)
    theirs = torch.optim.Muon([matrix], 0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    start = matrix.detach().clone()
    for _ in range(4):
        weight.grad = torch.randn(shape)
        matrix.grad = weight.grad.flatten(1)
        ours.step()
        theirs.step()
    moved = (matrix - start).norm()
    # The columns' order changes the order of sums in bfloat16, and so a last bit of each step.
    assert (weight.flatten(1) - matrix).norm() < 0.01 * moved


@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (30, 30)])
def test_a_step_keeps_the_singular_vectors_and_levels_the_values(
    shape: tuple[int, int], in_bfloat16: bool
) -> None:
    torch.manual_seed(1)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.linspace(1, 20, min(shape))
    found = orthogonalised(u @ values.diag() @ v).float()
    inner = u.T @ found @ v.T
    off = inner - inner.diagonal().diag()
    assert off.abs().max() < (0.05 if in_bfloat16 else 1e-4)
    assert inner.diagonal().min() > 0.6
    assert inner.diagonal().max() < 1.25


@pytest.mark.usefixtures("in_bfloat16")
def test_a_step_is_as_long_as_one_of_adamw() -> None:
    torch.manual_seed(2)
    weight = nn.Parameter(torch.zeros(64, 32, 3, 3))
    weight.grad = torch.randn_like(weight)
    Muon([weight], 0.1).step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.02, rel=0.2)


def test_the_layout_in_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "cpu_prefers_bfloat16", lambda: False)
    torch.manual_seed(3)
    start, gradient = torch.randn(2, 32, 16, 3, 3)
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(start.clone(memory_format=layout))
        weight.grad = gradient.clone(memory_format=layout)
        optimiser = Muon([weight], 0.1)
        optimiser.step()
        assert optimiser.state[weight]["momentum"].stride() == weight.stride()
        moved.append(weight.detach().contiguous())
    torch.testing.assert_close(moved[0], moved[1], rtol=0, atol=1e-5)


def test_weights_without_a_gradient_stay_and_norms_are_refused() -> None:
    weight = nn.Parameter(torch.ones(16, 16))
    Muon([weight], 0.1, weight_decay=0.5).step()
    assert (weight == 1).all()
    with pytest.raises(ValueError, match="two axes or more"):
        Muon([nn.Parameter(torch.ones(16))], 0.1)


def test_adamw_keeps_what_sees_the_picture_gives_the_map_or_mixes_no_channels() -> None:
    network = LiteUNet(0, (32, 32, 16, 16), num_classes=4)
    optimisers = make_optimisers(network, Optimisation(optimiser="muon", weight_decay=0.3))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    by_muon, by_adamw = (
        [names[id(p)] for group in optimisers[kind].param_groups for p in group["params"]]
        for kind in ("muon", "adamw")
    )
    assert sorted(by_muon + by_adamw) == sorted(names.values())
    modules = dict(network.named_modules())
    for name in by_muon:
        layer = modules[name.removesuffix(".weight")]
        assert isinstance(layer, nn.Conv2d)
        assert layer.groups == 1
    assert {"encoder.stem.0.weight", "classify.weight"} <= set(by_adamw)
    dense = [m for m in modules.values() if isinstance(m, nn.Conv2d) and m.groups == 1]
    assert len(by_muon) == len(dense) - 2
    assert [group["weight_decay"] for group in optimisers["muon"].param_groups] == [0.3]


def test_a_network_without_a_weight_for_it_is_refused() -> None:
    narrow = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1))
    with pytest.raises(InvalidInputError, match="no weight of this network has 16 or more"):
        make_optimisers(narrow, Optimisation(optimiser="muon"))
