"""What stands behind a rendered person: a ground, a wall or the open, light on them, and clutter.

The ground lies under the person's feet and the wall behind them in the same space, so that the
horizon fits the camera and shadows fall where they would.

H W the picture's size, N points.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from training.synthetic.bodies import Floats, Ints
from training.synthetic.cameras import View
from training.synthetic.clutter import draw_park, draw_room, draw_street, draw_things, muted
from training.synthetic.shading import Lighting, srgb
from training.synthetic.textures import cloud, sample_grass, sample_material

KINDS = {
    "street": 0.32,
    "park": 0.16,
    "room": 0.26,
    "studio": 0.1,
    "geometry": 0.1,
    "noise": 0.06,
}
"""How often each is drawn."""
WALL_DISTANCE = (0.5, 6.0)
"""Metres between the person and the wall of a room or a street, where there is one."""
STREET_WALLS = 0.45
"""Share of streets that end at a wall; the others are open up to the horizon."""
OUT_OF_FOCUS = 0.5
"""Share of backdrops that are; up to a spread of 4 pixels at 256."""


@dataclass(frozen=True)
class Backdrop:
    """All but the shadow on the ground."""

    colours: Floats
    """(H, W, 3) linear RGB under all lights but the key."""
    keyed: Floats
    """(H, W, 3) what the key light adds where it arrives."""
    points: Floats
    """(N, 3) where the rays meet the ground, in the camera's frame."""
    ground: Ints
    """(N,) flat indices of the pixels that show these points."""
    blur: float
    """Spread in pixels, 0 where all is in focus."""

    def lit(self, light: Floats) -> Floats:
        """The picture in sRGB, (H, W, 3), given how much of the key light reaches each point."""
        share = np.ones(self.colours.shape[:2], np.float32)
        share.reshape(-1)[self.ground] = light
        picture = srgb(self.colours + self.keyed * share[..., None])
        if self.blur == 0:
            return picture
        image = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
        blurred = image.filter(ImageFilter.GaussianBlur(self.blur))
        return np.asarray(blurred, np.float32) / 255


def sample_backdrop(
    rng: np.random.Generator, view: View, ground: float, depth: float, light: Lighting
) -> Backdrop:
    """A place to stand in.

    Args:
        rng: Decides.
        view: Who looks.
        ground: Height of the ground along the view's `up`, in metres; negative.
        depth: Of the person, in metres.
        light: The lights.
    """
    size = view.camera.size
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    longer = max(size)
    blur = rng.uniform(0.3, 4) * longer / 256 if rng.random() < OUT_OF_FOCUS else 0.0
    if kind in ("noise", "geometry"):
        picture = _flat(rng, size, kind)
        no_ground = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
        return Backdrop(picture, np.zeros_like(picture), *no_ground, blur)
    rays = view.camera.rays()
    falling = rays @ view.up
    with np.errstate(divide="ignore"):
        reach = np.where(falling < -1e-4, ground / falling, np.inf).astype(np.float32)
    albedo = np.zeros((*size, 3), np.float32)
    facing = np.zeros(size, np.float32)
    outdoors = kind in ("street", "park")
    has_wall = kind != "park" and (kind != "street" or rng.random() < STREET_WALLS)
    on_wall = np.zeros(size, bool)
    if has_wall:
        wall = _Wall.sample(rng, view, depth + rng.uniform(*WALL_DISTANCE))
        meets = wall.reach(rays)
        on_wall = meets < reach
        points = rays[on_wall] * meets[on_wall, None]
        material = sample_material(rng, outdoors)
        if kind == "studio":
            material = material.plain()
        albedo[on_wall] = material.at(np.stack([points @ wall.across, points @ view.up], -1))
        facing[on_wall] = max(float(wall.normal @ light.direction), 0)
    on_ground = ~on_wall & np.isfinite(reach)
    where = rays[on_ground] * reach[on_ground, None]
    floor = sample_grass(rng) if kind == "park" else sample_material(rng, outdoors)
    if kind == "studio":  # a sheet of paper hangs down the wall and over the floor
        floor = material
    axes = _ground_axes(rng, view)
    albedo[on_ground] = floor.at(where @ axes.T)
    facing[on_ground] = max(float(view.up @ light.direction), 0)
    ambient = np.where(on_wall[..., None], 0.5 * (light.sky + light.ground), light.sky)
    colours, keyed = albedo * ambient, albedo * light.key * facing[..., None]
    open_sky = ~on_wall & ~on_ground
    if open_sky.any():
        colours[open_sky] = _sky(rng, falling[open_sky])
    horizon = view.camera.focal * view.up[2] / max(float(view.up[1]), 0.2)
    scene = _painted(rng, colours, keyed, kind, size[0] / 2 - horizon)
    return Backdrop(*scene, where, np.flatnonzero(on_ground), blur)


def _painted(
    rng: np.random.Generator, colours: Floats, keyed: Floats, kind: str, horizon: float
) -> tuple[Floats, Floats]:
    """Clutter over both layers; nothing casts a shadow on clutter."""
    if kind == "studio":
        return colours, keyed
    size = (colours.shape[0], colours.shape[1])
    canvas = Image.new("RGBA", (size[1], size[0]))
    if kind == "street":
        draw_street(canvas, rng, horizon)
    elif kind == "park":
        draw_park(canvas, rng, horizon)
    else:
        if kind == "room":
            draw_room(canvas, rng, horizon)
        draw_things(canvas, rng, int(rng.integers(0, 9)))
    painted = np.asarray(canvas)
    over = painted[..., 3] > 127
    texture = 1 + 0.25 * cloud(rng, size)[over][:, None]
    colours[over] = (painted[over][:, :3].astype(np.float32) / 255) ** 2.2 * texture
    keyed[over] = 0
    return colours, keyed


def _flat(rng: np.random.Generator, size: tuple[int, int], kind: str) -> Floats:
    """A gradient or coloured noise, and shapes without any meaning: linear RGB (H, W, 3)."""
    ends = np.array([muted(rng), muted(rng)], np.float32) / 255
    if kind == "noise":
        share = np.stack([cloud(rng, size) for _ in range(2)], -1) * 0.5 + 0.5
        third = np.array(muted(rng), np.float32) / 255
        picture = ends[0] + share[..., :1] * (ends[1] - ends[0])
        picture = picture + share[..., 1:] * (third - picture)
    else:
        ramp = np.linspace(0, 1, size[0], dtype=np.float32)[:, None, None]
        flat = np.broadcast_to(ends[0] + ramp * (ends[1] - ends[0]), (*size, 3))
        canvas = Image.fromarray((flat * 255).astype(np.uint8)).convert("RGBA")
        draw_things(canvas, rng, int(rng.integers(3, 28)))
        picture = np.asarray(canvas.convert("RGB"), np.float32) / 255
        picture = picture * (1 + rng.uniform(0, 0.4) * cloud(rng, size)[..., None])
    linear: Floats = np.clip(picture, 0, 1) ** np.float32(2.2)
    return linear


def _sky(rng: np.random.Generator, rising: Floats) -> Floats:
    """From the horizon up, clear or overcast; linear RGB (N, 3)."""
    clear = rng.random() < 0.5
    zenith = np.array([0.25, 0.45, 0.9] if clear else [0.7, 0.72, 0.75]) * rng.uniform(0.5, 1.1)
    horizon = np.array([0.8, 0.85, 0.9]) * rng.uniform(0.7, 1.1)
    share = np.clip(rising * 2.5, 0, 1)[:, None]
    colour: Floats = (horizon + share * (zenith - horizon)).astype(np.float32)
    return colour


def _ground_axes(rng: np.random.Generator, view: View) -> Floats:
    """Two directions (2, 3) on the ground."""
    angle = rng.uniform(0, np.pi)
    right = np.array([1.0, 0, 0]) - view.up[0] * view.up
    right /= np.linalg.norm(right)
    ahead = np.cross(view.up, right)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    axes: Floats = (turn @ np.stack([right, ahead])).astype(np.float32)
    return axes


@dataclass(frozen=True)
class _Wall:
    """An upright plane."""

    normal: Floats
    """(3,) unit, towards the camera."""
    across: Floats
    """(3,) unit, level, along it."""
    distance: float
    """Of the plane from the camera, in metres."""

    @classmethod
    def sample(cls, rng: np.random.Generator, view: View, depth: float) -> "_Wall":
        angle = np.deg2rad(rng.normal(0, 15))
        back = np.array([np.sin(angle), 0, np.cos(angle)])
        back -= (back @ view.up) * view.up
        back /= np.linalg.norm(back)
        across = np.cross(view.up, back)
        return cls(back.astype(np.float32), across.astype(np.float32), depth * float(back[2]))

    def reach(self, rays: Floats) -> Floats:
        """How many ray lengths away each ray (..., 3) meets it; infinite where it does not."""
        towards = -(rays @ self.normal)
        with np.errstate(divide="ignore"):
            reach: Floats = np.where(towards > 1e-4, self.distance / towards, np.inf)
        return reach
