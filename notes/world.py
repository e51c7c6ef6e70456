import sys, numpy as np
from pathlib import Path
import model.silhouette.predictor as P, model.silhouette.people as PE
STASH=[]; PE.find_people.__defaults__=(float(sys.argv[2]),); P.LEAST_SCORE=0.0
first=P.distinct
def stash(people):
    found=first(people); STASH.append(list(found)); return found
P.distinct=stash
def real(people,size,share=.2): return np.ones(size,bool) if people else np.zeros(size,bool)
from training.datasets.people import PersonPhotos
people=PersonPhotos.open(Path("../shared/data/people")); pred=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
G=(0,.1,.15,.2,.25,.3); out={g:[] for g in G}; sc=[]
for name in people.names:
    ph=people.read(name); STASH.clear(); (r,)=pred.predict_batch([ph.image]); ps=STASH[-1] if STASH else []; mask=ph.mask>0 if ph.mask.dtype!=bool else ph.mask
    sc.append(max([p.score for p in ps],default=0))
    for g in G:
        c=r.confidence if g==0 else r.confidence*real([p for p in ps if p.score>=g],r.confidence.shape,.2)
        m=c>.5; out[g].append(((m&mask).sum()/max(1,(m|mask).sum()),(m&mask).sum()/mask.sum(),(c*mask).sum()/max(1e-6,c.sum())))
print(sys.argv[1],np.percentile(sc,[2,5,10,25,50]).round(3))
for g,v in out.items(): v=np.array(v); print(g,'iou %.3f recall %.3f mass %.3f below .5 %.3f'%(v[:,0].mean(),v[:,1].mean(),v[:,2].mean(),(v[:,0]<.5).mean()))
