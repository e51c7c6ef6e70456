"""Networks that do not run release their memory."""

from model.backend.feature_memory import IDLE_BATCHES, FeatureMemory


class Network:
    def __init__(self) -> None:
        self.num_releases = 0
        self.is_running = False

    def release_memory(self) -> bool:
        self.num_releases += not self.is_running
        return not self.is_running


def test_a_network_that_runs_keeps_its_memory_after_its_warm_up() -> None:
    memory, network = FeatureMemory(), Network()
    memory.has_run(network)
    assert network.num_releases == 1
    for _ in range(2 * IDLE_BATCHES):
        memory.has_run(network)
    assert network.num_releases == 1


def test_a_network_releases_its_memory_once_others_have_run_for_a_while() -> None:
    memory, busy, idle = FeatureMemory(), Network(), Network()
    for network in (busy, idle, idle):
        memory.has_run(network)
    for _ in range(IDLE_BATCHES - 1):
        memory.has_run(busy)
    assert idle.num_releases == 1
    for _ in range(2 * IDLE_BATCHES):
        memory.has_run(busy)
    assert idle.num_releases == 2
    assert busy.num_releases == 1


def test_networks_that_take_turns_keep_their_memory() -> None:
    memory, networks = FeatureMemory(), (Network(), Network())
    for _ in range(2 * IDLE_BATCHES):
        for network in networks:
            memory.has_run(network)
    assert [network.num_releases for network in networks] == [1, 1]


def test_a_network_that_cannot_release_its_memory_is_asked_again() -> None:
    memory, busy, idle = FeatureMemory(), Network(), Network()
    for network in (busy, idle, idle):
        memory.has_run(network)
    idle.is_running = True
    for _ in range(IDLE_BATCHES):
        memory.has_run(busy)
    assert idle.num_releases == 1
    idle.is_running = False
    memory.has_run(busy)
    assert idle.num_releases == 2
