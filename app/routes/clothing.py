"""POST /clothing."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query
from jaxtyping import Float32, UInt8
from starlette.responses import Response

from app import encoding
from app.dependencies import EngineDep, ImageDep, Negotiated, PredictorsDep
from app.direct import DirectRoute
from app.openapi import PICTURE_FORM, UPLOAD_PROBLEMS, binary_content, json_content
from app.overlay import overlay
from app.png import encode_png
from app.schemas.clothing import ClothingMap, SchemeName
from model.clothing.labels import SCHEMES
from model.clothing.predictor import ClothingSegmentation

router = APIRouter(tags=["clothing"], route_class=DirectRoute)


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
        """By the labels that the client asked for."""
        if scheme == "fine":
            return cls(image, found.fine, found.fine_score, scheme)
        return cls(image, found.grouped, found.grouped_score, scheme)


def _overlay_png(photo: LabelledPhoto) -> bytes:
    return encode_png(overlay(photo.image, photo.ids, SCHEMES[photo.scheme].colours))


def _clothing_json(photo: LabelledPhoto) -> bytes:
    return ClothingMap.of(photo.ids, photo.scores, photo.scheme).model_dump_json().encode()


def _ids_npy(photo: LabelledPhoto) -> bytes:
    return encoding.npy(photo.ids)


CLOTHING_ENCODERS = {
    encoding.PNG: _overlay_png,
    encoding.NPY: _ids_npy,
    encoding.JSON: _clothing_json,
}


@router.post(
    "/clothing",
    summary="Which garment is where in a photo",
    response_class=Response,
    responses={
        200: {
            "description": "The map, the size of the upright picture.",
            "content": {
                **binary_content(encoding.PNG, "8-bit RGB: the photo under its labels' colours"),
                **binary_content(encoding.NPY, "uint8 (H, W), the id of each pixel's label"),
                **json_content(ClothingMap),
            },
        },
        **UPLOAD_PROBLEMS,
    },
    openapi_extra=PICTURE_FORM,
)
async def clothing(
    media_type: Annotated[str, Depends(Negotiated(*CLOTHING_ENCODERS))],
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
    """Garments, skin and hair, each with a label and a colour of its own."""
    found = await engine.submit(predictors.need_clothing(), image)
    photo = LabelledPhoto.of(image, found, scheme)
    return await encoding.respond(photo, media_type, CLOTHING_ENCODERS)
