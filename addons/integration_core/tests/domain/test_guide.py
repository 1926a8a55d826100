from integration_core.domain.guide import State, progress


def test_the_first_step_that_is_not_done_is_next():
    found = progress([True, False, False])
    assert found.states == (State.DONE, State.CURRENT, State.LATER)
    assert (found.current, found.done) == (1, 1)


def test_a_later_step_that_is_done_stays_done():
    found = progress([True, False, True])
    assert found.states == (State.DONE, State.CURRENT, State.DONE)
    assert (found.current, found.done) == (1, 2)


def test_nothing_is_next_when_all_is_done():
    assert progress([True, True]).current is None
    assert progress([]).current is None
