#!/usr/bin/env bash
# What each source brings: short runs at 128 px from the published checkpoint, one source left out in turn.
cd "$(git rev-parse --show-toplevel)"; mkdir -p runs/ablation
common="initial=checkpoints/silhouette.safetensors routine.judge_every=300 routine.save_every=300 routine.num_workers=0 optimisation.warmup_steps=30 optimisation.average_decay=0.98 optimisation.learning_rate=3e-4"
stage='stages=[{image_size=128, steps=300, batch_size=8}]'
go() { name=$1; shift; out=runs/ablation/$name
  [ -f $out/done ] && return
  OMP_NUM_THREADS=1 taskset -c 1 nice -n 0 .venv/bin/python -m training fit silhouette --data data/people $DATA --out $out --set $common "$stage" "$@" > $out.log 2>&1 || { echo "$name failed"; tail -3 $out.log; return; }
  OMP_NUM_THREADS=1 taskset -c 1 nice -n 0 .venv/bin/python -m training evaluate photos --checkpoint $out/silhouette.safetensors --labels data/labels --pose2sim ../shared/data/pose2sim --groups 40 --limit 80 --json $out/photos.json > $out.photos.log 2>&1
  OMP_NUM_THREADS=1 taskset -c 1 nice -n 0 .venv/bin/python -m training evaluate silhouette --checkpoint $out/silhouette.safetensors --data synthetic --subjects 40 --frames 3 --ccp ../shared/data/ccp --people ../shared/data/people --out $out/eval > $out.eval.log 2>&1
  touch $out/done; date; }
C="--ccp ../shared/data/ccp"
DATA="$C --labels data/labels" go all
DATA="$C --labels data/labels-ccp" go no-everyday
DATA="--labels data/labels-everyday" go no-ccp
DATA="$C --labels data/labels" go no-nobody data.empty_fraction=0 data.rendered_places=0
DATA="$C --labels data/labels" go no-groups data.group_fraction=0
DATA="$C --labels data/labels" go no-rendered data.photo_fraction=0.88 data.group_fraction=0
