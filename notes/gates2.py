"""gates2.py CKPT LEAST: gates on the validation photos, one look list; also masks IoU not used."""
import sys, numpy as np
from pathlib import Path
import model.silhouette.predictor as P
STASH=[]
import model.silhouette.people as PE
PE.find_people.__defaults__=(float(sys.argv[2]),); P.LEAST_SCORE=0.0
first=P.distinct
def stash(people):
    found=first(people); STASH.append(list(found)); return found
P.distinct=stash
def real(people,size,share=.2): return np.ones(size,bool) if people else np.zeros(size,bool)
from training.photos.labelled_photos import LabelledPhotos, each
from training.datasets.splits import VALIDATION_SEED
from training.synthetic.stream import RenderedStream
pred=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
G=(0.0,.08,.12,.16,.2,.25,.3,.35,.4)
rec={g:[] for g in G}; big={g:[] for g in G}; lit={g:[] for g in G}; away={g:[] for g in G}; rl={g:[] for g in G}
def run(img):
    STASH.clear(); (r,)=pred.predict_batch([img]); return r.confidence,list(STASH[-1])
def gated(c,ps,g):
    m=c>.5
    return m if g==0 else m&real([p for p in ps if p.score>=g],c.shape,.2)
sc=[]; nb=[]
for ph in each(LabelledPhotos(Path("data/labels"),"validation",nobody=False)):
    c,ps=run(ph.image); sc.append(max([p.score for p in ps],default=0))
    for g in G:
        m=gated(c,ps,g); away[g].append(m[ph.ids==0].mean())
        for n in range(1,len(ph.people)+1):
            k=ph.ids==n
            if k.sum()<50: continue
            v=m[k].mean(); rec[g].append(v)
            ys=np.nonzero(k.any(1))[0]
            if (ys[-1]-ys[0])/len(m)>.5: big[g].append(v)
for i,img in enumerate([p.image for p in each(LabelledPhotos(Path("data/labels"),"validation",nobody=True))]+[RenderedStream(VALIDATION_SEED,1,4,512).empty(i) for i in range(24)]):
    c,ps=run(img); nb.append(max([p.score for p in ps],default=0))
    for g in G: lit[g].append(gated(c,ps,g).mean())
print('best score with people pct 2 5 10 25 50',np.percentile(sc,[2,5,10,25,50]).round(2),'nobody 50 75 90 95',np.percentile(nb,[50,75,90,95]).round(2),len(sc),len(nb))
for g in G: print(g,'people',len(rec[g]),'recall %.3f'%np.mean(rec[g]),'large %.3f'%np.mean(big[g]),'away %.4f'%np.mean(away[g]),'nobody lit %.4f'%np.mean(lit[g]),'too lit %.3f'%np.mean(np.array(lit[g])>.01))
