"""PYTHONPATH=. gate_choice.py CKPT LABELS CCP [NUM_RENDERED]: centre scores on the validation split."""
import sys, numpy as np
from pathlib import Path
import model.silhouette.predictor as P
P.GATE_SCORE = 0.02
P.LEAST_SCORE = 0.02
from training.photos.labelled_photos import LabelledPhotos, each
from training.photos.ccp_people import CcpPeople
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.silhouette.metrics import iou
from training.datasets.splits import VALIDATION_SEED
from training.synthetic.stream import RenderedStream
ck, labels, ccp = sys.argv[1:4]
pred = P.SilhouettePredictor.from_checkpoint(Path(ck))
def boxiou(a,b):
    x0,y0=np.maximum(a[:2],b[:2]); x1,y1=np.minimum(a[2:],b[2:])
    i=max(0,x1-x0)*max(0,y1-y0)
    return i/((a[2]-a[0])*(a[3]-a[1])+(b[2]-b[0])*(b[3]-b[1])-i+1e-9)
def run(img):
    (r,)=pred.predict_batch([img]); return r
pos=[];neg=[];extra=[]
def known(source,name):
    s=[]
    for ph in each(source):
        r=run(ph.image)
        H=ph.image.shape[0]
        for n,p in enumerate(ph.people,1):
            ys,xs=np.nonzero(ph.ids==n)
            if len(ys)<50: continue
            b=np.array([xs.min(),ys.min(),xs.max()+1,ys.max()+1],float)
            sc=max([q.score for q in r.people if boxiou(q.box,b)>.4],default=0)
            s.append((sc,(b[3]-b[1])/H))
    s=np.array(s)
    print(name,len(s),'all', np.percentile(s[:,0],[2,5,10,25,50]).round(3),'large',np.percentile(s[s[:,1]>.5,0],[2,5,10,25,50]).round(3)); pos.append(s)
known(LabelledPhotos(Path(labels),"validation",nobody=False),"validation photos")
dataset=ClothingCoParsing.open(Path(ccp)); kp=CcpKeypoints.load(STORED)
known(CcpPeople(dataset,kp,"validation"),"ccp")
def nobody(imgs,name):
    rs=[run(i) for i in imgs]
    s=np.array([max([q.score for q in r.people],default=0) for r in rs]); lit=np.array([(r.confidence>.5).mean() for r in rs])
    print(name,len(s),'max score pct 50 75 90 95 98',np.percentile(s,[50,75,90,95,98]).round(3),'ungated too lit',(lit>.01).mean().round(3))
    for t in (.1,.15,.2,.25,.3,.35,.4,.45,.5): print('   gate',t,'too lit at most',((s>=t)&(lit>.01)).mean().round(3))
nobody([p.image for p in each(LabelledPhotos(Path(labels),"validation",nobody=True))],"nobody validation")
rs=RenderedStream(VALIDATION_SEED,1,4,512)
nobody([rs.empty(i) for i in range(40)],"rendered nobody")
