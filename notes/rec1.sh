cd ../rec; export OMP_NUM_THREADS=1; M=../main
while pgrep -f "fit reconstruction" >/dev/null; do sleep 1; done
T="taskset -c 1 .venv/bin/python -m training"
$T data reconstruction --side 256 --data $M/data/cal-people --silhouette $M/runs/p8.safetensors --out $M/data/seen-cal > ../logs/seencal.log 2>&1
$T calibrate reconstruction --checkpoint $M/runs/reconstruction/reconstruction.safetensors --people $M/data/seen-cal --out checkpoints/reconstruction.safetensors > ../logs/calib.log 2>&1
$T data reconstruction --side 256 --data $M/data/test-people --silhouette $M/runs/p8.safetensors --out $M/data/seen-test > ../logs/seentest.log 2>&1
$T evaluate reconstruction --people $M/data/seen-test --ccp $M/../shared/data/ccp --pose2sim $M/../shared/data/pose2sim --silhouette $M/runs/p8.safetensors --out $M/runs/rec-eval --record > ../logs/receval.log 2>&1
date >> ../logs/receval.log
