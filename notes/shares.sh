# shares.sh NEW: averages with the published one, on 30 validation people
cd "$(git rev-parse --show-toplevel)"
for s in 1 0.75 0.5; do
  o=runs/share-$s.safetensors
  if [ $s = 1 ]; then cp $1 $o; else .venv/bin/python -m training average silhouette --checkpoint checkpoints/silhouette.safetensors $1 --last-share $s --out $o >/dev/null; fi
  echo "== $s"; OMP_NUM_THREADS=1 taskset -c ${CORE:-1} nice -n ${NICE:--2} .venv/bin/python -m training evaluate silhouette --checkpoint $o --data synthetic --subjects 30 --split validation 2>/dev/null | grep -A6 "IoU, body" | head -6
done
