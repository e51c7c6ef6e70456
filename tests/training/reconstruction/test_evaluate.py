import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.predictor import BodyPredictor
from model.errors import CheckpointError, InvalidInputError
from model.reconstruction.checkpoint import Regressor, save_regressor
from model.reconstruction.network import ReconstructionNetwork
from model.checkpoint import load_header
from tests.training.reconstruction.conftest import prepare_folder
from tests.training.reconstruction.people_world import (
    HEADER,
    OF_COCO,
    KnowingNetwork,
    write_people,
)
from training.engine.run import RunFolder
from training.recipe import recipe_as_dict
from training.reconstruction.estimating import Estimator
from training.reconstruction.evaluate import EVALUATION, rendered_people
from training.reconstruction.people_report import ALONE, DRESSED, FUSED, KNOWN, REFINED
from training.reconstruction.people_scores import Looks, PersonItem, PersonScorer
from training.reconstruction.photo_scores import photo_report, score_photo, street_photos
from training.reconstruction.recipe import ReconstructionRecipe
from training.reconstruction.regressor_file import normal_intervals
from training.reconstruction.stored_people import StoredPeople
from training.reconstruction.task import FITTING, set_typical_pose
from training.reconstruction.view_scores import errors_mm, view_report
from training.reconstruction.whole_way import WholeWay
from training.reporting.scoring import Scored
