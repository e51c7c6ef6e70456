"""The shape of one person from several photos.

Each photo adds its evidence, its precision beyond the prior's, to one prior. Photos of a person
share clothes, build and the network's bias, so their errors are correlated: n photos with a
correlation r count as n / (1 + (n - 1) r) independent ones, the effective sample size of a mean of
equally correlated numbers.

Source: Murphy, Machine Learning: A Probabilistic Perspective, 2012, section 4.4 (products of
Gaussians); Kish, Survey Sampling, 1965 (the design effect).

N betas.
"""

from collections.abc import Sequence

import numpy as np

from model.reconstruction.gaussian import ShapeGaussian


def fused(shapes: Sequence[ShapeGaussian], error_correlation: float) -> ShapeGaussian:
    """One Gaussian from those of several photos. Of a single photo it is that photo's.

    Args:
        shapes: Of the same person, from one photo each; at least one.
        error_correlation: Share of the error that all photos have in common, in [0, 1].
    """
    assert shapes
    if len(shapes) == 1:
        return shapes[0]
    share = 1 / (1 + (len(shapes) - 1) * error_correlation)
    evidence = [shape.evidence for shape in shapes]
    # A posterior's mean is drawn towards the prior's, 0; its evidence alone would say more.
    pulls = [added @ shape.mean + shape.mean for added, shape in zip(evidence, shapes, strict=True)]
    covariance = np.linalg.inv(np.eye(len(shapes[0].mean)) + share * np.sum(evidence, axis=0))
    return ShapeGaussian(covariance @ (share * np.sum(pulls, axis=0)), covariance)
