"""How long a gate is likely to go on."""

from roadworthy.learn.gate import Gate, Ruling, share_of_delta
from roadworthy.learn.outlook import outlook


def test_it_foresees_what_comes() -> None:
    """A team would be told to rule on a handful, and would sit for a week."""
    gate = _same_again()
    assert gate.ruling.value == "go on"
    found = outlook(gate, 50, [1, -1, 1, -1, 1])
    assert found.rulings is not None
    assert found.records is not None
    for number in range(found.records * 3):
        if gate.ruling is not Ruling.GO_ON:
            break
        if number % 10:
            gate.agree()
        else:
            gate.differ(new_wrong=number % 20 == 0, old_wrong=number % 20 != 0)
    assert gate.ruling is Ruling.PROMOTE
    assert found == outlook(_same_again(), 50, [1, -1, 1, -1, 1]), "a second look says the same"


def _same_again() -> Gate:
    """Fifty records of equals that differ on one in ten."""
    gate = Gate(0.05)
    for number in range(50):
        if number % 10:
            gate.agree()
        else:
            gate.differ(new_wrong=number % 20 == 0, old_wrong=number % 20 != 0)
    return gate


def test_it_says_when_it_cannot_see_the_end() -> None:
    """Two that are apart by just the margin would be promised a ruling soon."""
    found = outlook(Gate(0.0), 100, [1, -1] * 50)
    assert found.rulings is None
    assert found.records is None


def test_shares_of_delta_add_up() -> None:
    """Whoever tries candidates until one passes would get a bad one through."""
    shares = [share_of_delta(0.05, number) for number in range(1, 2_000)]
    assert 0.0499 < sum(shares) <= 0.05
