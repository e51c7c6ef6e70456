import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from model.body.asset import load_asset
from model.errors import AssetError
from model.skeletons import SMPL_24_PARENTS
from training.__main__ import main
from training.assets.smpl import LICENCE, read_smpl_pickle

Body = dict[str, Any]
Write = Callable[[object, int], bytes]
Chumpy = Callable[..., object]


def _expect_body(path: Path, body: Body, num_betas: int = 10) -> None:
    tensors = read_smpl_pickle(path).tensors()
    expected = {
        "v_template": body["v_template"],
        "shapedirs": body["shapedirs"],
        "posedirs": body["posedirs"],
        "J_regressor": body["J_regressor"].toarray(),
        "parents": np.array(SMPL_24_PARENTS),
        "lbs_weights": body["weights"],
        "faces": body["f"],
    }
    assert tensors["shapedirs"].shape[-1] == num_betas
    for name, values in expected.items():
        wanted = torch.from_numpy(values.astype(np.float64)).to(tensors[name].dtype)
        torch.testing.assert_close(tensors[name], wanted, rtol=0, atol=0)


@pytest.mark.parametrize("protocol", [0, 2])
def test_version_1_0_is_read_chumpy_and_all(
    tmp_path: Path, smpl: Body, write_python2: Write, chumpy: Chumpy, protocol: int
) -> None:
    foreign = {
        **smpl,
        "shapedirs": chumpy("chumpy.ch.Ch", x=smpl["shapedirs"]),
        "v_template": chumpy("chumpy.ch.Ch", x=smpl["v_template"]),
        "J": chumpy("chumpy.reordering.transpose", a=chumpy("chumpy.ch.MatVecMult"), axes=None),
        "J_regressor_prior": smpl["J_regressor"],
        "weights_prior": smpl["weights"],
        "vert_sym_idxs": np.arange(len(smpl["v_template"])),
    }
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(write_python2(foreign, protocol))
    _expect_body(path, smpl)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_version_1_1_is_read_with_its_300_betas(tmp_path: Path, smpl: Body, protocol: int) -> None:
    smpl["shapedirs"] = np.random.default_rng(0).normal(size=(40, 3, 300))
    path = tmp_path / "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
    path.write_bytes(pickle.dumps(smpl, protocol))
    _expect_body(path, smpl, num_betas=300)
    assert read_smpl_pickle(path, num_betas=10).num_betas == 10


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_file_cleaned_by_smplx_s_script_is_read(
    tmp_path: Path, smpl: Body, write_python2: Write, protocol: int
) -> None:
    # It replaces chumpy objects by arrays and leaves the rest.
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(write_python2(smpl, protocol))
    _expect_body(path, smpl)


def _npz(path: Path, arrays: Body) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def test_an_npz_of_the_same_arrays_is_read_whatever_its_suffix(tmp_path: Path, smpl: Body) -> None:
    dense = smpl | {"J_regressor": smpl["J_regressor"].toarray(), "bs_type": "lrotmin"}
    for name in ("SMPL_NEUTRAL.npz", "SMPL_NEUTRAL.pkl"):
        _expect_body(_npz(tmp_path / name, dense), smpl)


def test_flattened_directions_are_read(tmp_path: Path, smpl: Body) -> None:
    flat = smpl["posedirs"].reshape(-1, 207)
    for posedirs in (flat, flat.T):
        changed = {**smpl, "posedirs": posedirs, "shapedirs": smpl["shapedirs"].reshape(-1, 10)}
        path = tmp_path / "SMPL_NEUTRAL.pkl"
        path.write_bytes(pickle.dumps(changed, 2))
        _expect_body(path, smpl)


def test_names_that_python_2_kept_as_bytes_are_read(tmp_path: Path, smpl: Body) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({name.encode(): value for name, value in smpl.items()}, 2))
    _expect_body(path, smpl)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"J_regressor": "objects"}, "SMPL.npz holds Python objects .* give the .pkl file"),
        ({"kintree_table": np.zeros((2, 55))}, r"\(2, 55\), as that of SMPL-X; SMPL has 24 joints"),
        ({"v_template": None}, r"lacks v_template; .* it holds J, J_regressor, bs_style"),
    ],
)
def test_an_npz_that_holds_no_smpl_body_is_refused(
    tmp_path: Path, smpl: Body, change: Body, message: str
) -> None:
    objects = np.array([smpl["J_regressor"]], dtype=object)
    dense = smpl | {"J_regressor": smpl["J_regressor"].toarray()} | change
    arrays = {name: objects if str(a) == "objects" else a for name, a in dense.items()}
    path = _npz(tmp_path / "SMPL.npz", {n: a for n, a in arrays.items() if a is not None})
    with pytest.raises(AssetError, match=message):
        read_smpl_pickle(path)


def test_motion_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = _npz(tmp_path / "amass.npz", {"poses": np.zeros((5, 156)), "betas": np.zeros(16)})
    with pytest.raises(AssetError, match="it holds betas, poses, the shape or motion of a person"):
        read_smpl_pickle(path)


def test_a_damaged_npz_is_refused(tmp_path: Path, smpl: Body) -> None:
    path = _npz(tmp_path / "SMPL.npz", smpl | {"J_regressor": smpl["J_regressor"].toarray()})
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(AssetError, match="is a ZIP archive"):
        read_smpl_pickle(path)
    path.write_bytes(whole[:500] + bytes(200) + whole[700:])
    with pytest.raises(AssetError, match="damaged"):
        read_smpl_pickle(path)


def test_a_dense_regressor_and_lists_are_read(tmp_path: Path, smpl: Body) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    content = {**smpl, "J_regressor": smpl["J_regressor"].toarray(), "f": smpl["f"].tolist()}
    path.write_bytes(pickle.dumps(content))
    _expect_body(path, smpl)


def test_chumpy_expressions_that_only_reorder_are_followed(
    tmp_path: Path, smpl: Body, write_python2: Write, chumpy: Chumpy
) -> None:
    template = smpl["v_template"]
    order = np.random.default_rng(0).permutation(template.size)
    shuffled = np.empty(template.size)
    shuffled[order] = template.ravel()
    inner = chumpy("chumpy.ch.Ch", x=shuffled)
    selected = chumpy("chumpy.reordering.Select", a=inner, idxs=order, preferred_shape=(40, 3))
    swapped = chumpy("chumpy.ch.Ch", x=smpl["shapedirs"].transpose(2, 0, 1))
    turned = chumpy("chumpy.reordering.transpose", a=swapped, axes=(1, 2, 0))
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(write_python2({**smpl, "v_template": selected, "shapedirs": turned}, 2))
    _expect_body(path, smpl)


def test_the_command_writes_an_asset_that_loads(
    tmp_path: Path, smpl: Body, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "SMPL_NEUTRAL.pkl", tmp_path / "out" / "body.safetensors"
    source.write_bytes(pickle.dumps(smpl, 2))
    assert main(["assets", "smpl", "--from", str(source), "--out", str(out)]) == 0
    header, asset = load_asset(out)
    assert asset.posedirs.shape == (40, 3, 207)
    assert "SMPL" in header.licence
    assert "research only" in capsys.readouterr().out


class _Call:
    def __init__(self, function: object, *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("what", ["system", "eval", "numpy"])
def test_a_hostile_file_is_refused_and_leaves_nothing(
    tmp_path: Path, smpl: Body, capsys: pytest.CaptureFixture[str], what: str, protocol: int
) -> None:
    trace = tmp_path / "trace"
    opens = f"open({str(trace)!r}, 'w')"

    class Array(np.ndarray[Any, Any]):
        def __reduce__(self) -> Any:
            rebuild, args, state = tuple(super().__reduce__())
            return rebuild, (np.ndarray, *args[1:]), (*state[:-1], _Call(eval, opens))

    payload = {
        "system": _Call(os.system, f"touch {trace}"),
        "eval": _Call(eval, opens),
        "numpy": smpl["weights"].view(Array),
    }[what]
    source, out = tmp_path / "SMPL_NEUTRAL.pkl", tmp_path / "out" / "body.safetensors"
    source.write_bytes(pickle.dumps({**smpl, "weights": payload}, protocol))
    assert main(["assets", "smpl", "--from", str(source), "--out", str(out)]) == 1
    assert ("system" if what == "system" else "eval") in capsys.readouterr().err
    assert not trace.exists()
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "heavy"}, "weights"),
        ({"weights": None}, "weights"),
        ({"weights": np.array(["a"])}, "weights holds"),
        ({"weights": np.zeros((40, 24))}, "lbs_weights sum to one"),
        ({"posedirs": np.zeros((40, 3, 459))}, "posedirs"),
        ({"kintree_table": np.zeros((2, 52))}, "24 joints"),
        ({"kintree_table": np.zeros((2, 24))}, "parents"),
        ({"f": np.array([[0.5, 1, 2]])}, "not whole"),
        ({"f": np.array([[np.nan, 1, 2]])}, "not whole"),
        ({"f": np.array([[0, 1, 40]])}, "outside 0 to 39"),
        ({"J_regressor": scipy.sparse.csc_matrix((24, 39))}, "J_regressor"),
        ({"v_template": [[1, 2, 3], [4]]}, "v_template"),
        ({"v_template": np.full((40, 3), np.inf)}, "not finite"),
        ({"v_template": np.linspace(0, 1700, 120).reshape(40, 3)}, "expected in metres"),
    ],
)
def test_what_is_no_smpl_body_is_refused(
    tmp_path: Path, smpl: Body, change: Body, message: str
) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({**smpl, **change}, 2))
    with pytest.raises(AssetError, match=message):
        read_smpl_pickle(path)


def test_the_licensed_body_goes_where_neither_git_nor_the_image_takes_it(
    tmp_path: Path,
    repo_root: Path,
    smpl: Body,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "SMPL_FEMALE.pkl"
    source.write_bytes(pickle.dumps(smpl, 2))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # a licensed body may be replaced by one
        assert main(["assets", "smpl", "--from", str(source)]) == 0
    [written] = (tmp_path / "private").iterdir()
    assert written.name == "smpl_female.safetensors"
    assert load_asset(written)[0].licence == LICENCE
    assert "HABITUS_BODY_ASSET=private/smpl_female.safetensors" in capsys.readouterr().out
    assert "private/" in (repo_root / ".gitignore").read_text().splitlines()
    ignored = (repo_root / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not any("private" in line for line in ignored if line.startswith("!"))


def test_the_licensed_body_replaces_no_open_one(
    tmp_path: Path, repo_root: Path, smpl: Body, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "SMPL_NEUTRAL.pkl"
    source.write_bytes(pickle.dumps(smpl, 2))
    open_body = repo_root / "checkpoints" / "body_neutral.safetensors"
    copy = tmp_path / "body.safetensors"
    shutil.copy(open_body, copy)
    other = tmp_path / "notes.safetensors"
    other.write_text("something else")
    new = repo_root / "checkpoints" / "smpl.safetensors"
    for out in (open_body, copy, other, new):
        before = out.read_bytes() if out.is_file() else None
        assert main(["assets", "smpl", "--from", str(source), "--out", str(out)]) == 1
        assert str(out) in capsys.readouterr().err
        assert (out.read_bytes() if out.is_file() else None) == before
    assert not new.exists()


def test_no_betas_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["assets", "smpl", "--from", "x.pkl", "--num-betas", "0"])
    assert exit.value.code == 2
    assert "at least 1" in capsys.readouterr().err


def test_missing_keys_are_named(tmp_path: Path, smpl: Body) -> None:
    del smpl["f"], smpl["weights"]
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(smpl, 2))
    with pytest.raises(AssetError, match="lacks weights, f"):
        read_smpl_pickle(path)
    path.write_bytes(pickle.dumps([1], 2))
    with pytest.raises(AssetError, match="list"):
        read_smpl_pickle(path)


@pytest.mark.parametrize("path", ["chumpy.ch.MatVecMult", "chumpy.reordering.Select"])
def test_a_chumpy_expression_that_computes_is_named(
    tmp_path: Path, smpl: Body, write_python2: Write, chumpy: Chumpy, path: str
) -> None:
    file = tmp_path / "SMPL_NEUTRAL.pkl"
    file.write_bytes(write_python2({**smpl, "shapedirs": chumpy(path)}, 2))
    with pytest.raises(AssetError, match=f"shapedirs is a {path}"):
        read_smpl_pickle(file)


def test_chumpy_objects_nested_without_end_are_refused(
    tmp_path: Path, smpl: Body, write_python2: Write, chumpy: Chumpy
) -> None:
    nested: object = smpl["v_template"]
    for _ in range(20):
        nested = chumpy("chumpy.ch.Ch", x=nested)
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(write_python2({**smpl, "v_template": nested}, 2))
    with pytest.raises(AssetError, match="levels"):
        read_smpl_pickle(path)


def test_a_missing_file_is_said_to_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assets", "smpl", "--from", str(tmp_path / "none.pkl")]) == 1
    assert "none.pkl" in capsys.readouterr().err
