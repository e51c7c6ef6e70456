"""The queue, the threads of the devices, and the batches that they run."""
