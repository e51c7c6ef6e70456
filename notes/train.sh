#!/usr/bin/env bash
# train.sh OUT [ARGS...]: fit silhouette on core 0, its data worker on core 1.
cd "$(git rev-parse --show-toplevel)"
echo 0 > /proc/sys/kernel/sched_autogroup_enabled
out=$1; shift
resume=""; [ -d "$out/state" ] || [ -n "$(ls $out/*.state* $out/states 2>/dev/null)" ] && resume="--resume"
OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 taskset -c 0 nice -n -10 .venv/bin/python -m training fit silhouette --out "$out" $resume "$@" >> "$out.log" 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null; do
  for c in $(pgrep pt_data_w); do taskset -cp 1 $c >/dev/null 2>&1; renice -n -5 -p $c >/dev/null 2>&1; done
  sleep 5
done
