# mypy: ignore-errors
"""The rasteriser's kernels. Warp compiles them: their types are Warp's, not Python's.

A triangle that is seen by a pixel leaves a key there: its depth first, its number behind, so that
the least key is the nearest triangle, whatever the order in which they come.

N vertices, F triangles, P pixels (or samples of pixels).
"""

import warp as wp

EMPTY = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
"""No triangle."""
FACES = wp.constant(wp.int64(1 << 22))
"""More triangles than any scene has."""
STEPS_PER_METRE = wp.constant(wp.float32(1.0e6))
BODY, DRESSED, PROPS = wp.constant(0), wp.constant(1), wp.constant(2)
"""Layers of keys."""
mat34 = wp.types.matrix(shape=(3, 4), dtype=wp.float32)


@wp.func
def edge(a: wp.vec3, b: wp.vec3, x: float, y: float):
    """Twice the area of the triangle a, b, (x, y)."""
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])


@wp.kernel
def project(
    vertices: wp.array(dtype=wp.vec3),
    focal: float,
    middle: wp.vec2,
    nearest: float,
    points: wp.array(dtype=wp.vec3),
):
    """Through a pinhole.

    Args:
        vertices: (N,) in the camera's frame.
        focal: In pixels.
        middle: Of the picture, in pixels.
        nearest: Depth from which on a vertex counts as behind the pinhole.
        points: (N,) out: x and y in pixels, 1 / depth, or 0 behind the pinhole.
    """
    index = wp.tid()
    vertex = vertices[index]
    depth = -vertex[2]
    inverse = 1.0 / wp.max(depth, nearest)
    x = middle[0] + focal * vertex[0] * inverse
    y = middle[1] - focal * vertex[1] * inverse
    if depth < nearest:
        inverse = 0.0
    points[index] = wp.vec3(x, y, inverse)


@wp.kernel
def project_parallel(
    vertices: wp.array(dtype=wp.vec3),
    frame: wp.mat33,
    low: wp.vec3,
    scale: float,
    points: wp.array(dtype=wp.vec3),
):
    """Along parallel rays.

    Args:
        vertices: (N,) in the camera's frame.
        frame: Rows: the picture's two directions, then the rays'.
        low: What lies at pixel (1, 1) and depth 0, in that frame.
        scale: Pixels a metre.
        points: (N,) out: x and y in pixels, depth in metres.
    """
    index = wp.tid()
    seen = frame * vertices[index] - low
    points[index] = wp.vec3(seen[0] * scale + 1.0, seen[1] * scale + 1.0, seen[2])


@wp.kernel
def rasterise(
    points: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=wp.int32),
    ends: wp.vec2i,
    height: int,
    width: int,
    perspective: int,
    keys: wp.array2d(dtype=wp.int64),
):
    """Let one triangle leave its key in each pixel whose centre it covers, where it is nearest.

    Args:
        points: (N,) x and y in pixels; third, 1 / depth for a pinhole (0: behind it), else depth.
        faces: (3F,) of all triangles: the body's, what is worn, props.
        ends: Of the first two kinds.
        height: Of the picture, in pixels.
        width: Likewise.
        perspective: 1 for a pinhole, 0 for parallel rays.
        keys: (3, P) in and out: of the body, of the dressed person, of props.
    """
    number = wp.tid()
    a = points[faces[3 * number]]
    b = points[faces[3 * number + 1]]
    c = points[faces[3 * number + 2]]
    left = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    right = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), width - 1)
    if left > right:
        return
    top = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    bottom = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), height - 1)
    if top > bottom:
        return
    if perspective == 1 and wp.min(a[2], wp.min(b[2], c[2])) <= 0.0:
        return
    area = edge(a, b, c[0], c[1])
    if wp.abs(area) < 1.0e-9:
        return
    inverse = 1.0 / area
    for row in range(top, bottom + 1):
        y = float(row) + 0.5
        for column in range(left, right + 1):
            x = float(column) + 0.5
            u = edge(b, c, x, y) * inverse
            v = edge(c, a, x, y) * inverse
            w = edge(a, b, x, y) * inverse
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                depth = u * a[2] + v * b[2] + w * c[2]
                if perspective == 1:
                    depth = 1.0 / depth
                key = wp.int64(depth * STEPS_PER_METRE) * FACES + wp.int64(number)
                place = row * width + column
                if number >= ends[1]:
                    wp.atomic_min(keys, PROPS, place, key)
                else:
                    wp.atomic_min(keys, DRESSED, place, key)
                    if number < ends[0]:
                        wp.atomic_min(keys, BODY, place, key)


@wp.kernel
def resolve(
    keys: wp.array2d(dtype=wp.int64),
    points: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=wp.int32),
    width: int,
    naked: wp.array(dtype=wp.uint8),
    face: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec3),
):
    """Each pixel's triangle and where in it the pixel's ray meets it.

    Args:
        keys: (3, P) left by a pinhole's `rasterise`.
        points: (N,) as there.
        faces: (3F,) of all triangles.
        width: Of the picture, in pixels.
        naked: (P,) out: 1 where the body would be seen if it were naked, 2 where a prop hides it.
        face: (P,) out, or -1.
        barycentric: (P,) out, the weights of the triangle's corners in space.
    """
    place = wp.tid()
    body = keys[BODY, place]
    naked[place] = wp.uint8(0)
    if body != EMPTY:
        naked[place] = wp.uint8(1)
        if keys[PROPS, place] < body:
            naked[place] = wp.uint8(2)
    key = wp.min(keys[DRESSED, place], keys[PROPS, place])
    if key == EMPTY:
        face[place] = -1
        return
    number = int(key % FACES)
    a = points[faces[3 * number]]
    b = points[faces[3 * number + 1]]
    c = points[faces[3 * number + 2]]
    x = float(place % width) + 0.5
    y = float(place // width) + 0.5
    weights = wp.vec3(edge(b, c, x, y) * a[2], edge(c, a, x, y) * b[2], edge(a, b, x, y) * c[2])
    face[place] = number
    barycentric[place] = weights / (weights[0] + weights[1] + weights[2])


@wp.kernel
def interpolate(
    face: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=wp.int32),
    vertices: wp.array(dtype=wp.vec3),
    rest: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    transforms: wp.array(dtype=mat34),
    seen: wp.array2d(dtype=wp.vec3),
):
    """What is known at the corners of triangles, at points on them.

    Args:
        face: (P,) triangle of each point.
        barycentric: (P,) weights of its corners.
        faces: (3F,) of all triangles.
        vertices: (N,) where they are.
        rest: (N,) where they were at rest.
        normals: (N,) at rest.
        transforms: (N,) from rest; they turn the normals.
        seen: (3, P) out: place, place at rest, unit normal.
    """
    index = wp.tid()
    place, origin, normal = wp.vec3(), wp.vec3(), wp.vec3()
    for corner in range(3):
        vertex = faces[3 * face[index] + corner]
        weight = barycentric[index][corner]
        n = normals[vertex]
        place += weight * vertices[vertex]
        origin += weight * rest[vertex]
        normal += weight * (transforms[vertex] * wp.vec4(n[0], n[1], n[2], 0.0))
    seen[0, index] = place
    seen[1, index] = origin
    seen[2, index] = wp.normalize(normal)


@wp.kernel
def receive_light(
    points: wp.array(dtype=wp.vec3),
    frame: wp.mat33,
    low: wp.vec3,
    scale: float,
    keys: wp.array2d(dtype=wp.int64),
    side: int,
    bias: float,
    spread: float,
    lit: wp.array(dtype=wp.float32),
):
    """How much of the light reaches points: the share of 3 x 3 taps that nothing stands before.

    Args:
        points: (P,) in the camera's frame.
        frame: Of the light, as for `project_parallel`.
        low: Likewise.
        scale: Likewise.
        keys: (3, side * side) left by a parallel `rasterise`.
        side: Of the light's picture, in pixels.
        bias: How much nearer to the light, in metres, something must be to stand before a point.
        spread: Between the taps, in pixels.
        lit: (P,) out, in [0, 1].
    """
    index = wp.tid()
    point = frame * points[index] - low
    reached = wp.float32(0.0)
    for i in range(3):
        for j in range(3):
            column = int(wp.floor(point[0] * scale + 1.0 + spread * float(i - 1)))
            row = int(wp.floor(point[1] * scale + 1.0 + spread * float(j - 1)))
            free = 1.0
            if column >= 0 and row >= 0 and column < side and row < side:
                key = keys[DRESSED, row * side + column]
                if key != EMPTY and float(key / FACES) / STEPS_PER_METRE < point[2] - bias:
                    free = 0.0
            reached += free
    lit[index] = reached / 9.0
