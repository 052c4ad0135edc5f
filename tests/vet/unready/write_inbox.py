"""Writes inbox.jsonl and answers.jsonl: `python -m tests.vet.unready.write_inbox`."""

import json
from pathlib import Path

HERE = Path(__file__).parent
SUBJECTS = ("My order", "My account", "My parcel", "My invoice")
QUEUES = ("billing", "access", "shipping", "returns")
WORDS = (
    "has not come yet, and I was told it would be here last week",
    "shows another amount than the one that I was told in the shop",
    "cannot be opened with the password that I have used for years",
    "was delivered to the neighbour, who has gone on holiday since",
    "is the wrong one: I had asked for the green one in the small size",
    "was charged twice, on the third and on the fourth of the month",
    "came open, and two of the six glasses are broken",
    "says that it is closed, and nobody has asked me about that",
    "has gone back to you in May, and the money is not here",
    "is not the one that your colleague described on the telephone",
)


def main() -> None:
    """Forty tickets under four subjects; the queue is in the body and never in the subject."""
    tickets = [
        {"id": f"U-{number:03d}", "subject": SUBJECTS[number % 4], "body": f"{SUBJECTS[number % 4]} {WORDS[number % 10]}. Number {1000 + number}."}
        for number in range(40)
    ]  # fmt: skip
    rows = [
        {"id": ticket["id"], "text": ticket["body"], "answers": {"gpt-5-nano": {"queue": QUEUES[(number // 4 + number) % 4], "quote": ticket["subject"]}}}
        for number, ticket in enumerate(tickets)
    ]  # fmt: skip
    for name, lines in (("inbox.jsonl", tickets), ("answers.jsonl", rows)):
        (HERE / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
