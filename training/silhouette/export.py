"""`python -m training export silhouette`."""

from model.silhouette.predictor import SilhouettePredictor
from training.engine.export import Export

EXPORT = Export("silhouette", SilhouettePredictor)
