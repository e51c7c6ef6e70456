import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.predictor import BodyParameters, BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from tests.training.conftest import picture
