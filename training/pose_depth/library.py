"""`python -m training data pose-library`: exact poses of motion capture, without pictures.

To render a picture and look at it takes a tenth of a second, a pose alone a thousandth. Training
puts poses of the library before cameras of its own and gives them the errors of pairs
(`training.pose_depth.borrowing`), so that it sees more poses and views than there are pairs.

    library.npz    joints (S, T, 17, 3) float32: COCO's keypoints in metres, Y up;
                   seconds (S, T) float32

S sequences of T frames, K vertices that keypoints depend on.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from model.body.kinematics import ancestors, forward_kinematics, rest_to_posed
from model.errors import InvalidInputError
from model.skeletons import SMPL_24_PARENTS
from training.arguments import at_least, output_file
from training.engine.atomic import replacing
from training.pose_depth.borrowing import Library
from training.pose_depth.rendered_pairs import split_of
from training.pose_depth.rendering import EVERY, FRAMES, Clip, read_clips
from training.pose_depth.variation import varied
from training.synthetic.bodies import BodySource, Floats
from training.synthetic.capsules import Capsules

SEQUENCES_OF_A_BODY = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--cmu", type=Path, required=True, metavar="DIR", help="CMU motion capture in BVH")
    add("--out", type=output_file, required=True, metavar="FILE", help="library.npz")
    add("--sequences", type=at_least(1), default=8000, metavar="N", help="(%(default)s)")
    add("--seed", type=at_least(0), default=0, metavar="N", help="(%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Make the library from the clips to learn from."""
    clips = [clip for clip in read_clips(args.cmu) if split_of(clip.name) == "training"]
    if not clips:
        raise InvalidInputError(f"{args.cmu} holds no clip to learn from")
    library = make_library(clips, args.sequences, args.seed)
    with replacing(args.out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **library._asdict())
    sys.stdout.write(f"wrote {args.out}: {args.sequences} sequences\n")
    return 0


def make_library(clips: list[Clip], num_sequences: int, seed: int) -> Library:
    """Parts of clips, varied, by bodies of US adults.

    Args:
        clips: To draw from, each as often as another; those of fewer frames than a sequence needs
            are passed over.
        num_sequences: How many.
        seed: Another one gives others.
    """
    source = BodySource()
    used = np.flatnonzero(np.abs(source.coco_weights).sum(0) > 0)
    rows = source.coco_weights[:, used]
    regressor = torch.from_numpy((rows / rows.sum(1, keepdims=True)).astype(np.float32))
    lbs_weights = torch.from_numpy(source.body.lbs_weights[used])
    joints = np.empty((num_sequences, FRAMES, 17, 3), np.float32)
    seconds = np.empty((num_sequences, FRAMES), np.float32)
    rng = np.random.default_rng([seed, 3])
    long = [clip for clip in clips if len(clip.poses) > (FRAMES - 1) * EVERY[0]]
    for number in tqdm(range(num_sequences), unit="sequence", desc="posing"):
        if number % SEQUENCES_OF_A_BODY == 0:
            body = source.sample(rng, female=bool(rng.random() < 0.5))
            capsules = Capsules(body.joints, body.surface[::4], source.dominant[::4])
        clip = long[int(rng.integers(len(long)))]
        fitting = [every for every in EVERY if (FRAMES - 1) * every < len(clip.poses)]
        every = int(rng.choice(fitting))
        first = int(rng.integers(len(clip.poses) - every * (FRAMES - 1)))
        places = first + every * np.arange(FRAMES)
        poses = varied(rng, clip.poses[places], capsules)
        vertices = _posed(body.surface[used], body.joints, lbs_weights, poses)
        joints[number] = (regressor @ vertices).numpy()
        seconds[number] = places * clip.seconds_per_frame
    return Library(joints, seconds)


def _posed(
    vertices: Floats, joints: Floats, lbs_weights: torch.Tensor, poses: Floats
) -> torch.Tensor:
    """Vertices (K, 3) in each of the poses (T, 24, 3): (T, K, 3)."""
    matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().astype(np.float32)
    rotations = torch.from_numpy(matrices).unflatten(0, (len(poses), -1))
    rest = torch.from_numpy(joints.astype(np.float32)).expand(len(poses), -1, -1)
    world = forward_kinematics(rotations, rest, ancestors(SMPL_24_PARENTS))
    affine = rest_to_posed(world, rest)[:, :, :3]
    blended = torch.einsum("kj,tjab->tkab", lbs_weights, affine)
    at_rest = torch.from_numpy(vertices.astype(np.float32))
    return torch.einsum("tkab,kb->tka", blended[..., :3], at_rest) + blended[..., 3]
