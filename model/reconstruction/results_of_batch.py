"""The parts of a batch's answer, put together photo by photo."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from model.reconstruction.decode import Cameras, PosedPeople
from model.reconstruction.evidence import warnings_of
from model.reconstruction.inputs import PersonView
from model.reconstruction.result import MeasuredInterval, Reconstruction
from model.reconstruction.shapes import PersonShape


def reconstructions(
    views: Sequence[PersonView],
    shapes: Sequence[PersonShape],
    measured: Sequence[tuple[MeasuredInterval, ...]],
    people: PosedPeople,
    cameras: Cameras,
) -> list[Reconstruction]:
    """One for each photo, in their order.

    Args:
        views: The photos.
        shapes: Of the people; each photo belongs to one of them.
        measured: Of each shape.
        people: Posed, of each photo.
        cameras: Likewise.
    """
    turns = Rotation.from_matrix(people.rotations.double().cpu().numpy().reshape(-1, 3, 3))
    axis_angle = turns.as_rotvec().reshape(len(views), -1, 3).astype(np.float32)
    vertices, joints, transl = (
        part.float().cpu().numpy() for part in (people.vertices, people.joints, people.transl)
    )
    focal = cameras.focal.tolist()
    results: dict[int, Reconstruction] = {}
    for shape, measurements in zip(shapes, measured, strict=True):
        for photo in shape.photos:
            view = views[photo]
            height, width = view.size
            results[photo] = Reconstruction(
                box=view.box,
                keypoints=view.keypoints,
                betas=shape.gaussian.mean.astype(np.float32),
                covariance=shape.gaussian.covariance.astype(np.float32),
                body_pose=axis_angle[photo, 1:],
                global_orient=axis_angle[photo, 0],
                transl=transl[photo],
                focal_px=focal[photo],
                centre_px=(width / 2, height / 2),
                joints=joints[photo],
                vertices=vertices[photo],
                measurements=measurements,
                warnings=warnings_of(
                    view.box, view.keypoints, view.size, shape.height_m is not None
                ),
            )
    return [results[photo] for photo in range(len(views))]
