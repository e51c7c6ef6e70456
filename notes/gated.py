"""gated.py GATE LEAST CKPT [evaluate args]: evaluate silhouette on validation with another gate."""
import sys
import model.silhouette.predictor as P
P.GATE_SCORE=float(sys.argv[1]); P.LEAST_SCORE=float(sys.argv[2])
from training.__main__ import main
sys.exit(main(["evaluate","silhouette","--checkpoint",sys.argv[3],"--data","synthetic","--subjects","30","--split","validation",*sys.argv[4:]]))
