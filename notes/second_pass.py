"""PYTHONPATH=. second_pass.py CKPT: with and without the second look; processor time beside the old network."""
import sys, time, itertools, subprocess, numpy as np
from pathlib import Path
import model.silhouette.predictor as P
from training.photos.labelled_photos import LabelledPhotos, each
from training.reporting.photo_benchmarks import everyday_people, calibrated_views
from training.datasets.pose2sim import CalibratedViews
from training.datasets.photo import read_photo
new=P.SilhouettePredictor.from_checkpoint(Path(sys.argv[1]))
old_file=Path("runs/old-silhouette.safetensors"); old_file.write_bytes(subprocess.check_output(["git","show","f9b6ec1:checkpoints/silhouette.safetensors"]))
old=P.SilhouettePredictor.from_checkpoint(old_file)
crops=P.crops_of
def measure():
    f=lambda im: new.predict_batch([im])[0].confidence
    print({k:str(v) for k,v in everyday_people(f, each(LabelledPhotos(Path("data/labels"),"test",nobody=False,folder="coco_cc_by"))).items()})
    print({k:str(v) for k,v in calibrated_views(f, CalibratedViews.open(Path("../shared/data/pose2sim"))).items()}, flush=True)
print("two passes"); measure()
P.crops_of=lambda *a: []
print("one pass"); measure()
P.crops_of=crops
def cpu(p, im, n=7):
    ts=[]
    for _ in range(n):
        t=time.process_time(); p.predict_batch([im]); ts.append(time.process_time()-t)
    return np.median(ts)
photo=read_photo(Path("docs/photo.jpg"))
cpu(new,photo,3); cpu(old,photo,3)
print("photo.jpg ms new, old, ratio", [round(x,4) for x in (a:=1e3*cpu(new,photo), b:=1e3*cpu(old,photo), a/b)])
rs=[]
for ph in itertools.islice(each(LabelledPhotos(Path("data/labels"),"test",nobody=False,folder="coco_cc_by")),30):
    a,b=cpu(new,ph.image,3),cpu(old,ph.image,3); rs.append((a/b,len(new.predict_batch([ph.image])[0].people)))
rs=np.array(rs); print("everyday ratio mean, median, max", rs[:,0].mean(), np.median(rs[:,0]), rs[:,0].max(), "people", rs[:,1].mean())
old_file.unlink()
