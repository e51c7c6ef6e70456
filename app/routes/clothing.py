"""POST /clothing."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import Depends, Query
from jaxtyping import Float32, UInt8
from PIL import Image
from starlette.responses import Response

from app.capabilities import CLOTHING, SILHOUETTE
from app.codecs import encoding
from app.codecs.media_types import JSON, NPY, PNG
from app.codecs.png import encode_png
from app.dependencies import (
    EngineDep,
    ImageDep,
    PredictorsDep,
    negotiated,
    strict_router,
)
from app.openapi import binary_content, json_content, picture_operation
from app.schemas.clothing import ClothingMap, SchemeName
from model.clothing.labels import SCHEMES
from model.clothing.predictor import ClothingSegmentation

router = strict_router("clothing")
OPACITY = 0.55
"""Of the labels' colours over the photo."""
_EXAMPLE = ClothingMap.of(
    np.array([[1, 0], [10, 10]], np.uint8), np.full((2, 2), 0.875, np.float32), "grouped"
)


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the label of each pixel."""

    image: UInt8[np.ndarray, "H W 3"]
    ids: UInt8[np.ndarray, "H W"]
    scores: Float32[np.ndarray, "H W"]
    """Probability of each pixel's label."""
    scheme: SchemeName

    @classmethod
    def of(
        cls, image: UInt8[np.ndarray, "H W 3"], found: ClothingSegmentation, scheme: SchemeName
    ) -> "LabelledPhoto":
        """In the scheme that the client asked for."""
        if scheme == "fine":
            return cls(image, found.fine, found.fine_score, scheme)
        return cls(image, found.grouped, found.grouped_score, scheme)


def _overlay_png(photo: LabelledPhoto) -> bytes:
    """The photo under its labels' colours; unchanged where the label is 0."""
    colours = SCHEMES[photo.scheme].colours[photo.ids]
    weights = np.where(photo.ids, np.uint8(round(OPACITY * 255)), np.uint8(0))
    shaded = Image.composite(*map(Image.fromarray, (colours, photo.image, weights)))
    return encode_png(np.asarray(shaded))


def _clothing_json(photo: LabelledPhoto) -> bytes:
    return ClothingMap.of(photo.ids, photo.scores, photo.scheme).model_dump_json().encode()


def _ids_npy(photo: LabelledPhoto) -> bytes:
    return encoding.npy(photo.ids)


CLOTHING_ENCODERS = {
    PNG: _overlay_png,
    NPY: _ids_npy,
    JSON: _clothing_json,
}


@router.post(
    "/clothing",
    operation_id="segment_clothing",
    summary="Which garment is where in a photo",
    **picture_operation(
        "The map, the size of the upright picture.",
        binary_content(PNG, "8-bit RGB: the photo under its labels' colours"),
        binary_content(NPY, "uint8 (H, W), the id of each pixel's label"),
        json_content(ClothingMap, _EXAMPLE),
    ),
)
async def clothing(
    media_type: Annotated[str, Depends(negotiated(*CLOTHING_ENCODERS))],
    image: ImageDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    scheme: Annotated[
        SchemeName,
        Query(
            description="Which labels are told apart: those of Clothing Co-Parsing, or groups of "
            "them that merge near-synonyms."
        ),
    ] = "grouped",
) -> Response:
    """Garments, skin and hair, each with a label and a colour of its own.

    Where the silhouette network is loaded and finds nobody, nothing is labelled.
    """
    predictor = predictors.need(CLOTHING)
    silhouette = predictors.get(SILHOUETTE)
    if silhouette is None or not silhouette.finds_people:
        found = await engine.submit(predictor, image)
    else:
        found, seen = await asyncio.gather(
            engine.submit(predictor, image), engine.submit(silhouette, image)
        )
        found = found.within(seen.near_people())
    photo = LabelledPhoto.of(image, found, scheme)
    return await encoding.respond(photo, media_type, CLOTHING_ENCODERS)
