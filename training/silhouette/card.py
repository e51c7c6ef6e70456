"""The page beside the silhouette checkpoint: what it is, how it was made, how well it measures."""

from collections.abc import Mapping
from typing import Any

from model.checkpoint import CheckpointHeader

_CARD = """\
# Silhouette checkpoint

`silhouette.safetensors`: a stacked hourglass ({num_stacks} stacks of {num_features} features) that
predicts the silhouette confidence map of one dressed person. Pictures are letterboxed to
{input_size} x {input_size}; the map comes out at a quarter of that and is scaled back. It is 1 on
the body, under the clothes too; in cloth it is a Gaussian of the distance to the body with a sigma
of 1/64 of the picture's longer side; elsewhere it is 0.

## Made

    {command}

Trained on {trained_on}. {made_on}
Commit `{commit}`, best of the run at step {step}. The recipe is in the file's header.

## Measured

    {measured_by}

On {num_rendered:,} rendered pictures of people that training has not seen. The baselines know the
true silhouettes; the network sees the picture alone.

| | error, whole picture | error, cloth pixels | overlap (IoU) above 0.5 |
|---|---|---|---|
{rendered}

On {photos[photos]:.0f} street photos of Clothing Co-Parsing that training has not seen:

| | |
|---|---|
| median over photos of the mean confidence on skin | {photos[median_skin]:.3f} |
| median over photos of the mean confidence on background | {photos[median_background]:.3f} |
| area under the ROC curve, person against background | {photos[auroc]:.3f} |

## Limits

* A quarter of {input_size} pixels: wrists, ankles and cloth bands of a few pixels blur, so over the
  whole picture a baseline that knows the true silhouettes is hard to beat.
* One person a picture, mostly upright and whole. Rendered people have no hats, bags or scarves, and
  photos teach skin and street only: what lies inside garments comes from rendered people.
* No measure of fairness has been taken over skin tones or builds of real people.

## Licence

{licence}. Clothing Co-Parsing is Apache-2.0; Anny's code is Apache-2.0 and its data CC0-1.0.
"""
_COLUMNS = ("mean_error", "cloth_error", "overlap")


def silhouette_card(header: CheckpointHeader, command: str, measured_by: str, made_on: str) -> str:
    """The card as Markdown.

    Args:
        header: Its metrics are a report of `evaluate silhouette` on both kinds of data.
        command: What trained it.
        measured_by: What measured it.
        made_on: The machine and the hours, in a sentence.
    """
    metrics = header.metrics
    return _CARD.format(
        **header.config["network"],
        input_size=header.config["input_size"],
        command=command,
        trained_on=header.trained_on,
        made_on=made_on,
        commit=header.commit[:12],
        step=metrics["step"],
        measured_by=measured_by,
        num_rendered=metrics["rendered_pictures"],
        rendered="\n".join(rendered_rows(metrics["rendered"])),
        photos=metrics["photos"],
        licence=header.licence,
    )


def rendered_rows(report: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The network and its baselines as rows of a Markdown table."""
    return [
        f"| {name} | " + " | ".join(f"{row[column]:.3f}" for column in _COLUMNS) + " |"
        for name, row in report.items()
    ]
