import json
from pathlib import Path
names={"all":"all","no-everyday":"everyday photos","no-ccp":"Clothing Co-Parsing","no-nobody":"samples of nobody","no-rendered":"rendered people"}
def n(x,d=3): return f"{x:.{d}f}"
print("| left out | cloth MAE | IoU, target | IoU, photos with masks | limbs, everyday (large) | four cameras | nobody, lit | nobody, too lit |")
print("| --- |"+" --- |"*7)
for k,w in names.items():
    o=Path("runs/ablation")/k
    if not (o/"done").exists() : continue
    r=json.load(open(o/"eval/report.json")); p=json.load(open(o/"photos.json"))
    r=r.get("report",r)
    net,se=r["rendered"]["network"],r["rendered_standard_errors"]
    pe=r["people"]; f=lambda x:f"{x['mean']:.3f} ± {x['standard_error']:.3f}"
    ev=p["everyday people"]; cam=p["four cameras"]; nb={s:v for s,v in p.items() if "nobody" in s}
    print(w, f"{net['mae_cloth']:.3f} ± {se['mae_cloth']:.3f}", f"{net['iou_target']:.3f} ± {se['iou_target']:.3f}", f"{pe['network']['iou']:.3f} ± {pe['standard_errors']['iou']:.3f}", {a:f(b) for a,b in ev.items()}, {a:f(b) for a,b in cam.items()}, {s:{a:f(b) for a,b in v.items()} for s,v in nb.items()}, sep=" | ")
