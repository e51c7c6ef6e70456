import time, numpy as np
from pathlib import Path
from PIL import Image
from model.silhouette.predictor import SilhouettePredictor
old=SilhouettePredictor.from_checkpoint(Path("runs/one-person.safetensors")); new=SilhouettePredictor.from_checkpoint(Path("runs/p8.safetensors"))
one=[np.asarray(Image.open("docs/photo.jpg").convert("RGB"))]
others=[np.asarray(Image.open(p).convert("RGB")) for p in sorted(Path("../shared/data/photos/coco_cc_by").rglob("*.jpg"))[:24]]
def t(pred,imgs,rounds):
    best=[]
    for im in imgs:
        ts=[]
        for _ in range(rounds):
            a=time.process_time(); pred.predict_batch([im]); ts.append(time.process_time()-a)
        best.append(np.median(ts))
    return np.array(best)
for pred in (old,new): t(pred,one,3)
a,b=t(old,one,15),t(new,one,15); print("one person ms",a*1e3,b*1e3,"ratio",b/a)
a,b=t(old,others,5),t(new,others,5); r=b/a; print("others: mean ratio %.2f median %.2f max %.2f"%(b.sum()/a.sum(),np.median(r),r.max()), len(others))
