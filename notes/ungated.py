import sys, numpy as np
import model.silhouette.predictor as P
mode=sys.argv[1]
P.near=lambda people,size,share=.1: np.ones(size,bool)
if mode=="nocrop": P.crops_of=lambda *a: []
from training.__main__ import main
sys.exit(main(["evaluate","silhouette","--checkpoint",sys.argv[2],"--data","synthetic","--subjects","30","--split","validation",*sys.argv[3:]]))
