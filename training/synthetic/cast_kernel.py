# mypy: ignore-errors
"""The ray caster's kernel. Warp compiles it: its types are Warp's, not Python's."""

import warp as wp


@wp.kernel
def cast_rays(
    body: wp.uint64,
    cloth: wp.uint64,
    num_body_faces: int,
    focal: float,
    height: int,
    width: int,
    samples: int,
    light: wp.vec3,
    naked: wp.array(dtype=wp.uint8),
    face: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec2),
    lit: wp.array(dtype=wp.uint8),
):
    """What the ray through one sample meets first, naked and dressed, and whether light gets there.

    Args:
        body: Mesh of the naked body.
        cloth: Mesh of everything worn; its faces are numbered after the body's in `face`.
        num_body_faces: How many faces the body has.
        focal: Focal length in pixels.
        height: Of the picture, in pixels.
        width: Likewise.
        samples: Along each side of a pixel.
        light: Unit vector towards the key light.
        naked: Out, 1 where the body is met.
        face: Out, the dressed person's face, or -1.
        barycentric: Out, weights of that face's first two corners.
        lit: Out, 1 where the key light arrives.
    """
    index = wp.tid()
    row = index // (width * samples)
    column = index % (width * samples)
    scale = 1.0 / float(samples)
    x = (float(column) + 0.5) * scale - float(width) * 0.5
    y = float(height) * 0.5 - (float(row) + 0.5) * scale
    origin = wp.vec3(0.0, 0.0, 0.0)
    direction = wp.normalize(wp.vec3(x, y, -focal))
    skin = wp.mesh_query_ray(body, origin, direction, 1.0e6)
    garment = wp.mesh_query_ray(cloth, origin, direction, 1.0e6)
    face[index] = -1
    if skin.result:
        naked[index] = wp.uint8(1)
        face[index] = skin.face
        barycentric[index] = wp.vec2(skin.u, skin.v)
    distance = skin.t
    if garment.result and (not skin.result or garment.t < skin.t):
        face[index] = num_body_faces + garment.face
        barycentric[index] = wp.vec2(garment.u, garment.v)
        distance = garment.t
    if face[index] >= 0:
        start = direction * distance + light * 0.012
        shade_body = wp.mesh_query_ray(body, start, light, 4.0)
        shade_cloth = wp.mesh_query_ray(cloth, start, light, 4.0)
        if not shade_body.result and not shade_cloth.result:
            lit[index] = wp.uint8(1)
