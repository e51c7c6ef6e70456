"""The model card beside the clothing checkpoint."""

from collections.abc import Mapping
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
from training.reporting.record import lineage_markdown

_CARD = """\
---
license: {spdx}
library_name: habitus
pipeline_tag: image-segmentation
tags: [clothing, semantic-segmentation]
---

# Clothing

`clothing.safetensors` predicts for each pixel of a photo which of the {num_fine} labels of Clothing
Co-Parsing it has, and with them which of {num_groups} groups that merge near-synonyms
(`model/clothing/labels.py`). The network is {network}. Photos are letterboxed to
{input_size} x {input_size} pixels; the labels come out at the photo's size. Weights are half
precision.

{cost}.

## Data and method

{lineage}

Settings and command line of each part are in the header of the file (`lineage`); the commands and
what they need are in `docs/reproduce.md`. Steps are those of the weights that were kept.

## Results

    {measured_by}

{num_photos} photos of the test split of Clothing Co-Parsing, at their own size. {num_training}
others are learned from. Numbers after ± are standard errors over photos. The baseline, all null,
finds no garment anywhere.
{note}
* Pixel accuracy: share of all pixels that are given their label. Foreground accuracy: the same of
  the pixels that are not null in truth.
* IoU of a label: intersection over union of its pixels in truth and prediction, over all photos
  together. Mean IoU: over the labels in these photos' truth (fine {fine_labels}, grouped
  {grouped_labels}), null among them. "Without null" leaves it out. "Frequent labels" are in
  {frequent} or more photos that are learned from (fine {fine_frequent}, grouped
  {grouped_frequent}). Weighted IoU: each label counts by its pixels in truth.
* Label precision, recall, F1: of the set of labels found anywhere in a photo, without null; means
  over the photos.

### Groups

{grouped}

{missed}

{groups}

### Fine labels

{fine}

{labels}

## Limits

* One person a photo, mostly upright and in the street. What is finer than a pixel of {input_size}
  is lost.
* The labels are those of street fashion of 2013. Underwear and swimwear are in no photo that is
  learned from.
* People labelled much the same garment as a coat, a blazer or a jacket, and region by region: edges
  of the labels are rough, and some labels are wrong.
* Rare and small things (belts, glasses, jewellery) are often missed. `found in` counts a single
  pixel.
* No measure of fairness was taken over skin tones, builds or genders.
* The ten worst of these photos, by mean IoU over the groups in them, as photo, labels, prediction:

![The ten worst photos]({picture})

{worst}

## Licence

{licence}. Data: Clothing Co-Parsing (Yang, Luo, Lin, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing), Apache-2.0, also the photos above.
"""


def clothing_card(
    header: CheckpointHeader,
    worst_picture: str,
    *,
    report: Mapping[str, Any],
    measured_by: str,
    note: str,
) -> str:
    """The card as Markdown.

    Args:
        header: Of the checkpoint.
        worst_picture: Name of the contact sheet beside the card.
        report: Of `evaluate clothing`.
        measured_by: The command that measured it.
        note: A caution about the results, or nothing.
    """
    fine, grouped = report["fine"], report["grouped"]
    missed = missed_groups(report)
    return _CARD.format(
        spdx=header.licence.lower(),
        network=_network(header.config["network"]),
        num_fine=len(LABELS),
        num_groups=len(GROUPED),
        input_size=header.config["input_size"],
        cost=cost_text(report["cost"]),
        lineage=lineage_markdown(header.lineage),
        measured_by=measured_by,
        note=f"\n{note}\n" if note else "",
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
        picture=worst_picture,
        worst=worst_markdown(report["worst_photos"]),
        licence=header.licence,
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
