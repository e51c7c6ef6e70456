"""POST /reconstruct."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Literal

import numpy as np
from anyio import to_thread
from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from jaxtyping import Float32, UInt8
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from app.capabilities import (
    CLOTHING,
    MESH_CONFIDENCE,
    RECONSTRUCTION,
    SILHOUETTE,
    CapabilityMissingError,
)
from app.codecs import encoding
from app.codecs.media_types import GLB, NPZ, PNG
from app.codecs.reconstructions import (
    ENCODERS,
    ONE_BODY,
    ONE_PHOTO,
    ReconstructedPhotos,
    SeenPhoto,
)
from app.codecs.request_body import field_error
from app.dependencies import (
    EngineDep,
    Photos,
    PhotosDep,
    PredictorsDep,
    negotiated,
    strict_router,
)
from app.engine.engine import Engine
from app.openapi import binary_content, json_content, photos_operation
from app.schemas.problems import NO_PERSON
from app.schemas.reconstruction import (
    FORM_FIELDS,
    ReconstructionAnswer,
    ReconstructionRequest,
)
from app.telemetry.request_timing import stage_milliseconds
from model.body.predictor import BodyParameters
from model.clothing.predictor import ClothingSegmentation
from model.errors import NoPersonError
from model.mesh_confidence.observer import MeshObserver
from model.mesh_confidence.predictor import MeshConfidence, MeshConfidencePredictor
from model.reconstruction.crop import box_around
from model.reconstruction.predictor import (
    PersonView,
    ReconstructionItem,
)
from model.reconstruction.result import Reconstruction
from model.silhouette.people import Person, box_iou
from model.silhouette.predictor import SilhouetteConfidence

router = strict_router("reconstruction")
SAME_PERSON_IOU = 0.3
"""The person whose keypoints were sent is the one found whose box overlaps theirs so much."""
ColourQuery = Annotated[
    Literal["trust"] | SkipJsonSchema[None],
    Query(
        description="`trust`: the meshes of GLB and PNG have the colours of POST /mesh/confidence."
    ),
]
COLOURED = (GLB, PNG)
"""The formats that show meshes."""
NO_HEAD = (
    "reconstruction needs people's boxes and keypoints, and the silhouette checkpoint that is "
    "loaded does not look for people. `python -m training fit silhouette` makes one that does; or "
    "send `keypoints` with the photo."
)


@router.post(
    "/reconstruct",
    operation_id="reconstruct",
    summary="The body of a person in a photo",
    **photos_operation(
        ReconstructionRequest,
        FORM_FIELDS,
        "The people. JSON's example is shortened.",
        json_content(ReconstructionAnswer),
        binary_content(GLB, "glTF 2.0: the body of one person, rigged, as POST /mesh?rig=true"),
        binary_content(PNG, "8-bit RGB: the meshes over the photo"),
        binary_content(NPZ, "everything as arrays, one row a person"),
        refusals=(NO_PERSON,),
    ),
)
async def reconstruct(
    media_type: Annotated[str, Depends(negotiated(*ENCODERS))],
    photos: PhotosDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    colour: ColourQuery = None,
) -> Response:
    """Shape, pose, camera and measurements with intervals, and what to trust less.

    Several photos of one person, as a front and a side view, give one shape: send same_person=true.
    """
    predictor, silhouette = predictors.need(RECONSTRUCTION), predictors.need(SILHOUETTE)
    options, images = photos.options, photos.images
    clothing = predictors.need(CLOTHING) if "clothing" in options.include else None
    judge = predictors.get(MESH_CONFIDENCE) if colour is None else predictors.need(MESH_CONFIDENCE)
    _check(media_type, photos, colour)
    seen = await asyncio.gather(*(engine.submit(silhouette, image) for image in images))
    worn = await asyncio.gather(*(engine.submit(clothing, image) for image in images if clothing))
    views = [
        views_of(image, confidence, options, number)
        for number, (image, confidence) in enumerate(zip(images, seen, strict=True))
    ]
    item = ReconstructionItem(tuple(chain(*views)), options.same_person, options.refine)
    people = await engine.submit(predictor, item)
    trust = None
    if judge is not None:
        maps = [view.confidence for view in item.people]
        trust = await judged(engine, judge, predictors.mesh_observer, people, maps)
    t_pose = None
    if media_type == GLB:
        t_pose = await engine.submit(predictor.body, BodyParameters(people[0].betas))
    found = ReconstructedPhotos(
        _shown(photos, seen, worn),
        people,
        tuple(number for number, of_photo in enumerate(views) for _ in of_photo),
        predictors.reconstruction_rig,
        "mesh" in options.include,
        stage_milliseconds(),
        t_pose,
        trust,
        coloured=colour is not None,
    )
    return await encoding.respond(found, media_type, ENCODERS)


async def judged(
    engine: Engine,
    judge: MeshConfidencePredictor,
    observer: MeshObserver,
    people: Sequence[Reconstruction],
    maps: Sequence[Float32[np.ndarray, "_ _"] | None],
) -> tuple[MeshConfidence, ...]:
    """How far to trust each person's mesh.

    Args:
        engine: Runs the judge.
        judge: Of meshes.
        observer: Of the reconstruction's asset.
        people: Reconstructed.
        maps: The confidence map of each person's photo.
    """
    observed = await to_thread.run_sync(
        lambda: [observer.observe(one, seen) for one, seen in zip(people, maps, strict=True)]
    )
    return tuple(await asyncio.gather(*(engine.submit(judge, one) for one in observed)))


def _shown(
    photos: Photos,
    seen: Sequence[SilhouetteConfidence],
    worn: Sequence[ClothingSegmentation],
) -> tuple[SeenPhoto, ...]:
    """The photos, with what was asked to be included."""
    images = photos.images
    nothing = [None] * len(images)
    clothes = [on.within(near.near_people()) for on, near in zip(worn, seen, strict=bool(worn))]
    maps = seen if "confidence" in photos.options.include else nothing
    return tuple(map(SeenPhoto, images, maps, clothes or nothing))


def _check(media_type: str, photos: Photos, colour: str | None) -> None:
    """Refuse options that do not fit each other.

    Raises:
        RequestValidationError: They do not.
    """
    options, num_photos = photos.options, len(photos.images)
    if colour is not None and media_type not in COLOURED:
        message = f"is for {' and '.join(COLOURED)}; {media_type} has no colours"
        raise RequestValidationError([{"type": "own", "loc": ("query", "colour"), "msg": message}])
    if num_photos > 1 and not options.same_person:
        raise field_error(
            "image",
            f"{num_photos} pictures were sent; several need same_person=true",
        )
    if options.same_person and options.people == "all":
        raise field_error("people", 'is "all"; with same_person it is the largest in each photo')
    if num_photos > 1 and media_type in ONE_PHOTO:
        raise field_error("image", f"{media_type} shows one photo, and {num_photos} were sent")
    if options.people == "all" and media_type in ONE_BODY:
        raise field_error("people", f'is "all"; {media_type} holds one body')
    if options.keypoints is not None and num_photos > 1:
        num_sets = len(options.keypoints)
        if num_sets != num_photos:
            raise field_error(
                "keypoints",
                f"are {num_sets} sets for {num_photos} pictures; one for each is needed",
            )


def views_of(
    image: UInt8[np.ndarray, "H W 3"],
    seen: SilhouetteConfidence,
    options: ReconstructionRequest,
    number: int,
) -> list[PersonView]:
    """The people of a photo that were asked for, the largest first.

    Raises:
        NoPersonError: There is nobody.
        CapabilityMissingError: The silhouette network does not look for people.
    """
    size = (image.shape[0], image.shape[1])
    if options.keypoints is not None:
        sent = [options.keypoints[number]] if options.same_person else options.keypoints
        people = _of_keypoints(sent, size, seen.people or ())
    elif seen.people is None:
        raise CapabilityMissingError(NO_HEAD)
    else:
        # Nothing of a box may be left inside the picture.
        people = [(one.box, one.keypoints) for one in seen.people if min(one.size) >= 1]
    if not people:
        which = f" {number}" if options.same_person else ""
        raise NoPersonError(
            f"nobody was found in picture{which}; a person whose head and shoulders are seen is "
            "needed"
        )
    people.sort(key=lambda person: -float(np.prod(person[0][2:] - person[0][:2])))
    return [
        PersonView(
            image,
            box,
            keypoints,
            seen.confidence,
            height_m=options.height_m,
            weight_kg=options.weight_kg,
        )
        for box, keypoints in (people if options.people == "all" else people[:1])
    ]


def _of_keypoints(
    sent: Sequence[Float32[np.ndarray, "17 3"]], size: tuple[int, int], found: Sequence[Person]
) -> list[tuple[Float32[np.ndarray, "4"], Float32[np.ndarray, "17 3"]]]:
    """Boxes for the keypoints that a client sent: those of the network where it saw the person."""
    people = []
    for keypoints in sent:
        box = box_around(keypoints, size)
        if box is None:
            continue
        overlaps = [box_iou(person.box, box) for person in found]
        if max(overlaps, default=0.0) > SAME_PERSON_IOU:
            box = found[int(np.argmax(overlaps))].box
        people.append((box, keypoints))
    return people
