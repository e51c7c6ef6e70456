"""PYTHONPATH=. exp.py RUN OUT SIZE: the average of the last state, whether validated or not."""
import sys
from pathlib import Path
from training.engine.run import RunFolder
from training.engine.state import load_state
from training.silhouette.task import FITTING
folder=RunFolder.open(Path(sys.argv[1]))
state=load_state(Path(sys.argv[1])/"last.safetensors")
print(state.keys())
object.__setattr__(folder,"load_best",lambda: state)
FITTING.export(folder, Path(sys.argv[2]), int(sys.argv[3]))
