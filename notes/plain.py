import sys, numpy as np
from pathlib import Path
import model.silhouette.predictor as P
P.near=lambda people,size,share=.1: np.ones(size,bool); P.crops_of=lambda *a: []
from training.photos.labelled_photos import LabelledPhotos, each
pred=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
rec=[];big=[];aw=[];ious=[]
for ph in each(LabelledPhotos(Path("data/labels"),"validation",nobody=False)):
    (r,)=pred.predict_batch([ph.image]); m=r.confidence>.5; aw.append(m[ph.ids==0].mean())
    fg=ph.ids>0; known=ph.ids<255 if ph.ids.dtype==np.uint8 else fg|True
    ious.append((m&fg).sum()/max(1,(m|fg).sum()))
    for n in range(1,len(ph.people)+1):
        k=ph.ids==n
        if k.sum()<50: continue
        v=m[k].mean(); rec.append(v); ys=np.nonzero(k.any(1))[0]
        if (ys[-1]-ys[0])/len(m)>.5: big.append(v)
print(sys.argv[1],'recall %.3f large %.3f away %.4f iou %.3f'%(np.mean(rec),np.mean(big),np.mean(aw),np.mean(ious)))
nb=[p.image for p in each(LabelledPhotos(Path("data/labels"),"validation",nobody=True))]
l=[(pred.predict_batch([i])[0].confidence>.5).mean() for i in nb]; print('nobody too lit %.3f'%np.mean(np.array(l)>.01),len(l))
