"""Puts the numbers of the checkpoint's header and of runs/photos.json into README.md. LEAST GATE as arguments."""
import json, re, sys
from pathlib import Path
from model.checkpoint import load_header
m=load_header(Path("checkpoints/silhouette.safetensors")).metrics
ph=json.load(open("runs/photos.json"))
r,se=m["rendered"],m["rendered_standard_errors"]; net=r["network"]
f=lambda v,e=None: f"{v:.3f}" + (f" ± {e:.3f}" if e is not None else "")
keys=["iou_body","iou_target","mae","mae_cloth","mae_band"]
p=m["photos"]; pse=m["photo_standard_errors"]
pe=m["people"]; pk=["recall","mass_on_person","iou","iou_below_half"]
g=lambda s,k: (lambda x: f"{x['mean']:.3f} ± {x['standard_error']:.3f}")(ph[s][k])
L=Path("README.md").read_text().split("\n")
def at(start):
    i=[n for n,l in enumerate(L) if l.startswith(start)]; assert len(i)>=1,start; return i
for name in ("body and a constant in cloth","dressed silhouette"):
    L[at(f"| {name} ")[0]]=f"| {name} | "+" | ".join(f(r[name][k]) for k in keys)+" |"
nets=at("| network |")
L[nets[0]]="| network | "+" | ".join(f(net[k],se[k]) for k in keys)+" |"
L[nets[1]]="| network | "+" | ".join(f(pe["network"][k],pe["standard_errors"][k]) for k in pk)+" |"
L[at("| median confidence on skin")[0]+2]="| "+" | ".join(f(p[k],pse[k]) for k in ("median_skin","median_background","auroc"))+" |"
start=at("| pixels on limbs'")[0]; end=at("| photos turned by 90")[0]
n=ph["all of nobody"]["too_lit"]["num"]
rows=[f"| pixels on limbs' bones above 0.5: everyday people, those taller than half the picture, one person before four cameras | {g('everyday people','limbs')}, {g('everyday people','large_limbs')}, {g('four cameras','limbs')} |",
f"| confidence away from people in everyday photos | {g('everyday people','away')} |",
f"| {n} pictures of nobody: share of them with more than 1 % of the pixels above 0.5 | {g('all of nobody','too_lit')} |",
f"| groups of two to five rendered people: IoU of the map, average precision of boxes at an IoU of 0.5 | {g('rendered groups','iou')}, {g('rendered groups','ap50')} |",
f"| two street photos side by side: both people found | {g('street pairs','both_found')} |",
f"| keypoints of street photos within half a head's length of MediaPipe's (PCKh) | {g('street photos','pck_h')} |",
f"| photos turned by 90, 180, 270 degrees: IoU with the upright map | {g('turned','turned')} |"]
L[start:end+1]=rows
s="\n".join(L)
by={x["name"]:x["scores"]["network"]["iou_body"] for x in m["by_looseness"]}
s=re.sub(r"IoU with the body is 0\.\d+ in tight and 0\.\d+ in wide clothes", f"IoU with the body is {by['tight']:.3f} in tight and {by['wide']:.3f} in wide clothes", s)
Path("README.md").write_text(s)
