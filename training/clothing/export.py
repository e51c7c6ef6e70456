"""`python -m training export clothing`."""

from model.clothing.predictor import ClothingPredictor
from training.engine.export import Export

EXPORT = Export("clothing", ClothingPredictor)
