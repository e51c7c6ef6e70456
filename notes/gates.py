import sys, numpy as np
from pathlib import Path
import model.silhouette.people as PE
import model.silhouette.predictor as P
LOW=0.02
orig=P.find_people
P.find_people=lambda layers, stride, *_: orig(layers, stride, LOW)
P.GATE_MARGIN=10.0; P.LEAST_SCORE=0.02; P.GATE_SCORE=0.02
from training.photos.labelled_photos import LabelledPhotos, each
from training.datasets.splits import VALIDATION_SEED
from training.synthetic.stream import RenderedStream
from model.silhouette.people import near
pred=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
G=(0.0,.05,.1,.15,.2,.25,.3)
rec={g:[] for g in G}; big={g:[] for g in G}; lit={g:[] for g in G}; away={g:[] for g in G}
def gated(r,g):
    if g==0: return r.confidence>.5
    ps=[p for p in r.people if p.score>=g]
    return (r.confidence>.5)&near(ps,r.confidence.shape,.2)
for ph in each(LabelledPhotos(Path("data/labels"),"validation",nobody=False)):
    (r,)=pred.predict_batch([ph.image])
    for g in G:
        m=gated(r,g); away[g].append(m[ph.ids==0].mean())
        for n in range(1,len(ph.people)+1):
            k=ph.ids==n
            if k.sum()<50: continue
            v=m[k].mean(); rec[g].append(v)
            ys=np.nonzero(k.any(1))[0]
            if (ys[-1]-ys[0])/len(m)>.5: big[g].append(v)
for img in [p.image for p in each(LabelledPhotos(Path("data/labels"),"validation",nobody=True))]+[RenderedStream(VALIDATION_SEED,1,4,512).empty(i) for i in range(24)]:
    (r,)=pred.predict_batch([img])
    for g in G: lit[g].append(gated(r,g).mean())
for g in G: print(g,'people',len(rec[g]),'recall %.3f'%np.mean(rec[g]),'large %.3f'%np.mean(big[g]),'away %.4f'%np.mean(away[g]),'nobody lit %.4f'%np.mean(lit[g]),'too lit %.3f'%np.mean(np.array(lit[g])>.01))
