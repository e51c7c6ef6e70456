import sys, numpy as np
from pathlib import Path
import model.silhouette.predictor as P
orig=P.find_people
P.find_people=lambda layers, stride, *_: orig(layers, stride, 0.02)
P.GATE_MARGIN=10.0; P.LEAST_SCORE=0.02; P.GATE_SCORE=0.02
from training.datasets.people import PersonPhotos
from model.silhouette.people import near
people=PersonPhotos.open(Path("../shared/data/people"))
for ck in sys.argv[1:]:
    pred=P.SilhouettePredictor.from_checkpoint(Path(ck))
    out={}
    sc=[]
    for name in people.names:
        ph=people.read(name); (r,)=pred.predict_batch([ph.image]); mask=ph.mask>0 if ph.mask.dtype!=bool else ph.mask
        sc.append(max([p.score for p in r.people or ()],default=0))
        for g in (0,.05,.1,.15,.2,.3):
            c=r.confidence if g==0 else r.confidence*near([p for p in r.people if p.score>=g],r.confidence.shape,.2)
            m=c>.5
            out.setdefault(g,[]).append(((m&mask).sum()/max(1,(m|mask).sum()),(m&mask).sum()/mask.sum(), (c*mask).sum()/max(1e-6,c.sum())))
    print(ck, np.percentile(sc,[5,10,25,50,75]).round(3))
    for g,v in out.items(): v=np.array(v); print(g,'iou %.3f recall %.3f mass %.3f below .5 %.3f'%(v[:,0].mean(),v[:,1].mean(),v[:,2].mean(),(v[:,0]<.5).mean()))
