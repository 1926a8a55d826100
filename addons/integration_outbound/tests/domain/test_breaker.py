"""The circuit breaker: it opens for reasons that are certain, lets one probe out, and always can close again."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import outcome
from integration_outbound.domain import breaker as rules
from integration_outbound.domain.breaker import Breaker, Count, Sample, State, count_for_endpoint, count_for_origin

NOW = 1_800_000_000.0


def sample(ago, tries):
    """A worker's second, ``ago`` seconds before now: 's' and 'f' in the order in which they happened."""
    made = Sample(NOW - ago)
    for letter in tries:
        made = made.plus(Count.SUCCESS if letter == "s" else Count.FAILURE)
    return made


def opens(*samples, **options):
    return rules.evaluate(samples, NOW, **options).opens


TRIES = st.text("sf", min_size=1, max_size=12)
SAMPLES = st.lists(st.builds(sample, st.integers(0, 600), TRIES), max_size=30)


class TestOpening:
    @pytest.mark.parametrize(
        ("tries", "expected"),
        [
            ("f" * 9, False),
            ("f" * 10, True),
            ("sss" + "f" * 7, True),  # exactly 70 % of ten
            ("ssss" + "f" * 9, False),
            ("s" + "f" * 8, False),  # nine tries are too few for a share
            ("f" * 9 + "s", True),  # 90 %: it has just answered, but hardly ever does
            ("s" * 30, False),
        ],
    )
    def test_one_worker(self, tries, expected):
        assert opens(sample(1, tries)) is expected
        assert opens(*(sample(ago, letter) for ago, letter in enumerate(reversed(tries)))) is expected

    def test_the_share_is_of_five_minutes(self):
        good_old_days = sample(301, "s" * 100)
        assert opens(good_old_days, sample(5, "s" * 3 + "f" * 7))
        assert not opens(sample(299, "s" * 100), sample(5, "s" * 3 + "f" * 7))

    def test_a_run_has_no_age(self):
        hourly = [sample(3600 * hour, "f") for hour in range(10)]
        assert opens(*hourly)
        assert not opens(*hourly[:9])
        assert not opens(*hourly[:5], sample(3600 * 5 - 60, "s"), *hourly[5:])

    def test_what_was_before_the_breaker_closed_is_forgotten(self):
        assert opens(sample(20, "f" * 50))
        assert not opens(sample(20, "f" * 50), sample(3, "f" * 9), since=NOW - 10)

    def test_within_one_second_only_what_is_certain_is_in_a_row(self):
        mine, theirs = sample(0, "s" + "f" * 6), sample(0, "s" * 20 + "f" * 2)
        assert rules.evaluate([mine, theirs, sample(9, "f" * 9)], NOW).run == 2
        assert rules.evaluate([mine, sample(0, "ff"), sample(1, "f")], NOW).run == 6
        assert rules.evaluate([sample(0, "ff"), sample(0, "fff"), sample(1, "f"), sample(2, "sf")], NOW).run == 7

    def test_a_clock_ahead_is_believed_and_one_far_ahead_is_not(self):
        assert opens(sample(-3, "sss" + "f" * 7))
        assert not opens(sample(-3600, "s" + "f" * 9))

    def test_nothing_seen(self):
        assert rules.evaluate([], NOW) == rules.Decision(False, 0, 0, 0)

    @given(SAMPLES)
    def test_never_for_less_than_the_rules_say(self, samples):
        decision = rules.evaluate(samples, NOW)
        within = [one for one in samples if one.at >= NOW - rules.WINDOW_S]
        failures = sum(one.failures for one in within)
        tries = failures + sum(one.successes for one in within)
        assert (decision.tries, decision.failures) == (tries, failures)
        assert decision.run <= sum(one.failures for one in samples)
        share = tries >= 10 and failures >= 0.7 * tries - 1e-9
        assert decision.opens == (share or decision.run >= 10)

    @given(SAMPLES, st.randoms(use_true_random=False))
    def test_the_order_of_arrival_does_not_matter(self, samples, chance):
        shuffled = samples[:]
        chance.shuffle(shuffled)
        assert rules.evaluate(shuffled, NOW) == rules.evaluate(samples, NOW)

    @given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=60), st.integers(1, 5))
    def test_many_workers_judge_as_one_would(self, seen, workers):
        """The share is the same however the tries were spread; a run is never longer than the true one."""
        seen = sorted(seen, key=lambda one: -one[0])
        alone, spread, chance = {}, {}, random.Random(7)
        for ago, good in seen:
            count = Count.SUCCESS if good else Count.FAILURE
            alone[ago] = alone.get(ago, Sample(NOW - ago)).plus(count)
            key = (ago, chance.randrange(workers))
            spread[key] = spread.get(key, Sample(NOW - ago)).plus(count)
        one, many = rules.evaluate(alone.values(), NOW), rules.evaluate(spread.values(), NOW)
        assert (many.tries, many.failures) == (one.tries, one.failures)
        run = 0
        for _ago, good in reversed(seen):
            if good:
                break
            run += 1
        assert one.run == run
        assert many.run <= run

    @given(SAMPLES)
    def test_a_success_after_everything_ends_every_run(self, samples):
        later = Sample(NOW + 1).plus(Count.SUCCESS)
        assert rules.evaluate([*samples, later], NOW + 1).run == 0


@pytest.mark.parametrize("figures", [(-1, 0, 0), (0, -1, -1), (1, 2, 3), (0, 2, 1), (1, 1, -1)])
def test_samples_that_cannot_have_been_counted(figures):
    with pytest.raises(ValueError, match="success"):
        Sample(NOW, *figures)


@given(TRIES)
def test_a_sample_counts(tries):
    counted = sample(0, tries).plus(Count.NOTHING)
    assert (counted.successes, counted.failures) == (tries.count("s"), tries.count("f"))
    assert counted.trailing_failures == len(tries) - len(tries.rstrip("f"))
    assert counted.had_success == ("s" in tries)


@given(TRIES, TRIES)
def test_two_samples_of_one_second_are_as_one(first, second):
    assert sample(0, first).then(sample(0, second)) == sample(0, first + second)


def probe(breaker, now, count, *, lost_after=60.0):
    breaker = rules.begin_probe(breaker, now, lost_after=lost_after)
    return rules.after_probe(breaker, now, probe=breaker.probe, count=count)


class TestProbes:
    def test_the_wait_doubles_up_to_a_quarter_of_an_hour(self):
        breaker, now, waits = rules.open_(Breaker(), NOW), NOW, []
        for _probe in range(8):
            waits.append(breaker.due_at - now)
            assert not rules.probe_due(breaker, breaker.due_at - 0.001)
            now = breaker.due_at
            breaker = probe(breaker, now, Count.FAILURE)
        assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
        assert breaker.opened_at == NOW

    def test_a_success_closes_and_forgets(self):
        breaker = probe(rules.open_(Breaker(), NOW), NOW + 30, Count.FAILURE)
        breaker = probe(breaker, NOW + 90, Count.SUCCESS)
        assert (breaker.state, breaker.since, breaker.opened_at) == (State.CLOSED, NOW + 90, None)
        assert rules.open_(breaker, NOW + 100).due_at == NOW + 130

    def test_one_probe_at_a_time(self):
        breaker = rules.begin_probe(rules.open_(Breaker(), NOW), NOW + 30, lost_after=60)
        assert breaker.state is State.HALF_OPEN
        assert not rules.probe_due(breaker, NOW + 89)
        with pytest.raises(ValueError, match="no probe"):
            rules.begin_probe(breaker, NOW + 89, lost_after=60)

    def test_a_closed_breaker_needs_none(self):
        assert not rules.probe_due(Breaker(), math.inf)
        with pytest.raises(ValueError, match="no probe"):
            rules.begin_probe(Breaker(), NOW, lost_after=60)

    def test_a_lost_probe_is_replaced_and_its_failure_comes_too_late(self):
        lost = rules.begin_probe(rules.open_(Breaker(), NOW), NOW + 30, lost_after=60)
        second = rules.begin_probe(lost, NOW + 90, lost_after=60)
        assert second.probe == lost.probe + 1
        assert rules.after_probe(second, NOW + 91, probe=lost.probe, count=Count.FAILURE) == second
        assert rules.after_probe(second, NOW + 91, probe=lost.probe, count=Count.SUCCESS).state is State.CLOSED

    def test_an_answer_that_comes_twice_or_from_nowhere_changes_nothing(self):
        out = rules.begin_probe(rules.open_(Breaker(), NOW), NOW + 30, lost_after=60)
        failed = rules.after_probe(out, NOW + 31, probe=out.probe, count=Count.FAILURE)
        assert rules.after_probe(failed, NOW + 31, probe=out.probe, count=Count.FAILURE) == failed
        assert rules.after_probe(out, NOW + 31, probe=out.probe + 1, count=Count.SUCCESS) == out
        healed = rules.closed(out, NOW + 31)
        assert rules.after_probe(healed, NOW + 32, probe=out.probe, count=Count.FAILURE) == healed

    def test_a_probe_that_said_nothing_leaves_the_wait_as_it_is(self):
        breaker = probe(rules.open_(Breaker(), NOW), NOW + 30, Count.NOTHING)
        assert (breaker.state, breaker.wait, breaker.due_at) == (State.OPEN, 30, NOW + 60)

    def test_a_probe_that_was_not_sent_is_soon_followed_by_another(self):
        for wait in (30, 900):
            breaker = probe(replace(rules.open_(Breaker(), NOW), wait=wait, due_at=NOW), NOW, None)
            assert (breaker.state, breaker.wait, breaker.due_at) == (State.OPEN, wait, NOW + rules.UNSENT_WAIT_S)

    def test_opening_twice_is_opening_once(self):
        breaker = rules.open_(Breaker(), NOW)
        assert rules.open_(breaker, NOW + 5) == breaker
        out = rules.begin_probe(breaker, NOW + 30, lost_after=60)
        assert rules.open_(out, NOW + 31) == out

    def test_a_person_may_hasten_the_next_probe(self):
        breaker = rules.hasten(rules.open_(Breaker(), NOW), NOW + 2)
        assert rules.probe_due(breaker, NOW + 2)
        assert breaker.wait == 30
        out = rules.begin_probe(breaker, NOW + 2, lost_after=60)
        assert rules.hasten(out, NOW + 3) == out
        assert rules.hasten(Breaker(), NOW) == Breaker()


ACTIONS = st.lists(
    st.tuples(
        st.floats(0, 2000),
        st.sampled_from(["open", "begin", "hasten", *Count, None]),
        st.integers(0, 2),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_whatever_happens_one_probe_is_out_and_the_wait_is_bounded(actions):
    """Workers that open, probe, answer late or twice, in any order, never get two probes or an endless wait."""
    breaker, now, out = Breaker(), NOW, {}
    for pause, action, late in actions:
        now += pause
        before = breaker
        if action == "open":
            breaker = rules.open_(breaker, now)
        elif action == "hasten":
            breaker = rules.hasten(breaker, now)
        elif action == "begin":
            if rules.probe_due(breaker, now):
                breaker = rules.begin_probe(breaker, now, lost_after=60)
                out = {number: until for number, until in out.items() if until > now}
                assert not out  # every other one was given up
                out[breaker.probe] = now + 60
        else:
            number = breaker.probe - late
            breaker = rules.after_probe(breaker, now, probe=number, count=action)
            if action not in (Count.NOTHING, None) or number == before.probe:
                out.pop(number, None)
            if breaker.state is State.CLOSED:
                out = {}
        assert breaker.probe >= before.probe
        if breaker.state is State.CLOSED:
            assert (breaker.wait, breaker.due_at) == (0, math.inf)
        else:
            assert rules.FIRST_WAIT_S <= breaker.wait <= rules.MAX_WAIT_S
            assert breaker.due_at <= max(before.due_at if before.state is not State.CLOSED else 0, now + 900)
            if before.state is not State.CLOSED:
                assert breaker.wait in (before.wait, min(2 * before.wait, rules.MAX_WAIT_S))


@given(st.lists(st.sampled_from(list(Count)), max_size=40))
def test_a_close_is_always_possible(answers):
    breaker = rules.open_(Breaker(), NOW)
    for answer in answers:
        if breaker.state is State.CLOSED:
            breaker = rules.open_(breaker, breaker.since)
        breaker = probe(breaker, breaker.due_at, answer)
    if breaker.state is not State.CLOSED:
        breaker = probe(breaker, breaker.due_at, Count.SUCCESS)
    assert breaker.state is State.CLOSED


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("error", "step", "count"),
        [
            (None, "", Count.SUCCESS),
            ("dns_failure", "dns", Count.FAILURE),
            ("connection_refused", "connect", Count.FAILURE),
            ("network", "connect", Count.FAILURE),
            ("tls_handshake", "tls", Count.FAILURE),
            ("tls_trust", "tls", Count.FAILURE),
            ("tls_name", "tls", Count.FAILURE),
            ("timeout", "dns", Count.FAILURE),
            ("timeout", "connect", Count.FAILURE),
            ("timeout", "tls", Count.FAILURE),
            ("connection_reset", "connect", Count.FAILURE),
            ("timeout", "answer", Count.SUCCESS),
            ("timeout", "body", Count.SUCCESS),
            ("timeout", "", Count.SUCCESS),
            ("connection_reset", "answer", Count.SUCCESS),
            ("bad_response", "answer", Count.SUCCESS),
            ("egress_refused", "dns", Count.NOTHING),
            ("bad_url", "", Count.NOTHING),
        ],
    )
    def test_for_an_origin(self, error, step, count):
        assert count_for_origin(error, step) is count
        assert rules.origin_failure(error, step) == (count is Count.FAILURE)

    def test_for_an_endpoint(self):
        for status in (200, 204, 302, 400, 401, 403, 404, 409, 410, 413, 422):
            assert self.judged(status=status) is Count.SUCCESS
        for status in (408, 425, 429, 500, 503, 999):
            assert self.judged(status=status) is Count.FAILURE
        for error in ("timeout", "dns_failure", "connection_reset", "connection_refused", "bad_response"):
            assert self.judged(error=error) is Count.FAILURE
        for error in ("tls_trust", "tls_name", "egress_refused", "bad_url"):
            assert self.judged(error=error) is Count.NOTHING

    @staticmethod
    def judged(*, status=None, error=None):
        verdict = outcome.judge(status=status, error=error)
        return count_for_endpoint(status, failed=verdict.counts_for_breaker)
