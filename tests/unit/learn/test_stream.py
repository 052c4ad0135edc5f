"""The policy over a stream, in a small world with a cheap model, a better one and a person."""

import random
from dataclasses import dataclass

import pytest

from roadworthy.learn.certificate import Audits, State, Tally, Terms
from roadworthy.learn.doubt import Doubt, Opinion, candidates
from roadworthy.learn.stream import (
    Accept,
    Ask,
    Person,
    Plan,
    Stream,
    affordable_rate,
    bearable,
    cap_for,
    most_found,
    safest_share,
)

LABELS = ("billing", "access", "shipping", "other")


@dataclass
class World:
    """What happened."""

    accepted: int = 0
    wrong: int = 0
    people: int = 0
    asked: int = 0


def live(stream: Stream, seed: int, records: int, *, good: float = 0.97) -> World:
    """Each model knows when it is sure; sure answers are right with the chance `good`, unsure ones with .5."""
    chance, world = random.Random(seed), World()
    for _ in range(records):
        truth, heard = chance.choice(LABELS), list[Opinion]()
        while isinstance(move := stream.move(heard), Ask):
            world.asked += 1
            sure = chance.random() < 0.7
            right = chance.random() < (good if sure else 0.5)
            said = truth if right else chance.choice(LABELS)
            heard.append(Opinion(said, {said: 0.95 if sure else 0.5}))
        if isinstance(move, Person):
            world.people += 1
            stream.ruled(heard, truth)
            continue
        assert isinstance(move, Accept)
        world.accepted += 1
        audited = chance.random() < move.share
        stream.accepted(move, audited=audited)
        if audited:
            world.people += 1
            stream.ruled(heard, truth, move)
        else:
            world.wrong += move.answer != truth
    return world


def test_a_good_ladder_is_certified_and_spares_people() -> None:
    """People would do the work of models that are good enough, or a bound would not hold what it says."""
    stream = Stream(Plan(0.1, 1_500), 2)
    world = live(stream, 1, 1_500)
    certificate = stream.certificate()
    assert certificate is not None
    assert certificate.state is State.CERTIFIED
    assert certificate.accepted == world.accepted > 900
    assert world.wrong <= certificate.wrong_at_most
    assert world.people < 900


def test_bad_models_are_not_trusted() -> None:
    """Answers that are wrong every third time would be let through because the policy wants to save."""
    stream = Stream(Plan(0.02, 800), 2)
    world = live(stream, 2, 800, good=0.6)
    certificate = stream.certificate()
    assert certificate is not None
    assert world.accepted < 200
    assert not world.accepted or certificate.state is not State.CERTIFIED or certificate.share_at_most <= 0.02


def test_nothing_is_accepted_before_the_warm_up_ends() -> None:
    """Answers would leave before anybody had looked at one."""
    stream = Stream(Plan(0.1, 500, warm_up=50), 2)
    world = live(stream, 3, 50)
    assert (world.accepted, world.people, world.asked) == (0, 50, 100)
    assert stream.certificate() is None
    assert isinstance(Stream(Plan(0.1, 10), 0).move([]), Person)


def test_an_alarm_lowers_what_is_accepted() -> None:
    """A model that turned bad would go on at the old cap."""
    stream = Stream(Plan(0.05, 1_000, audit_share=0.5), 2)
    live(stream, 4, 500)
    before = stream.cap
    live(stream, 4, 300, good=0.3)
    assert stream.cap < before


def test_doubt_learns_what_an_answer_means() -> None:
    """A model that says "a" where "b" is right would be believed, or thrown away."""
    doubt, chance = Doubt(), random.Random(5)
    assert doubt.propose([Opinion("a", {"a": 0.9})]).doubt == 0.5
    for _ in range(200):
        truth = chance.choice("bcd")
        other = truth if chance.random() < 0.5 else chance.choice("bcd")
        doubt.learn([Opinion("a" if truth == "b" else truth, {other: 0.4})], truth)
    proposal = doubt.propose([Opinion("c", {"c": 0.9})])
    assert proposal.answer == "c"
    assert proposal.doubt < 0.1
    assert doubt.propose([Opinion("a", {"b": 0.5})]).answer == "b"
    assert candidates([Opinion("x", {"y": 0.5, "z": 0.4, "w": 0.1})]) == ["x", "y", "z"]


def test_the_room_is_what_the_certificate_allows() -> None:
    """The policy would steer past the certificate, or leave half of its room unused."""
    terms = Terms(0.1, 0.2)
    most = most_found(terms, 2_000)
    for found, state in ((most, State.CERTIFIED), (most + 1, State.NOT_CERTIFIED)):
        assert Audits(terms, Tally(2_000, 0, {0.2: found})).certificate().state is state
    assert most_found(terms, 10) == -1
    assert most_found(terms, 0) == -1
    assert 0 < affordable_rate(terms, 2_000) < most / 400
    assert affordable_rate(terms, 0) == 0
    assert bearable(-1) == 0
    assert bearable(20) + 1.64 * bearable(20) ** 0.5 == pytest.approx(20)


def test_caps_and_shares() -> None:
    """The mean doubt of what is accepted would exceed what was aimed at."""
    assert cap_for([0.3, 0.0, 0.1], 0.06) == 0.1
    assert cap_for([0.3], 0.06) == 0
    assert cap_for([0.0] * 50 + [0.9], 0.5) == 0
    easy, hard = [0.001] * 400, [0.08] * 400
    assert safest_share(easy, 3_000, Plan(0.1, 3_000)) <= safest_share(hard, 3_000, Plan(0.1, 3_000))
