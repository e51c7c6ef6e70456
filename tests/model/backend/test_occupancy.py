from model.backend.occupancy import Occupancy


def test_cores_are_shared_while_more_than_one_batch_is_at_work() -> None:
    occupancy = Occupancy()
    assert not occupancy.is_shared
    with occupancy.one_more():
        assert not occupancy.is_shared
        with occupancy.one_more():
            assert occupancy.is_shared
        assert not occupancy.is_shared
