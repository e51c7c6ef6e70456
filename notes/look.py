import sys, numpy as np
from pathlib import Path
from PIL import Image
import model.silhouette.predictor as P
P.LEAST_SCORE=0.05; P.GATE_SCORE=0.05
from model.silhouette import people as PE
pred=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
for f in sys.argv[2:]:
    im=np.asarray(Image.open(f).convert("RGB"))
    (r,)=pred.predict_batch([im])
    print(f, im.shape, [(p.box.round().tolist(), round(p.score,2)) for p in r.people][:5])
