"""A claim is read, judged and answered in three steps; above 500 euros a person approves before a letter is written."""

from decimal import Decimal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Prompt
from roadworthy.check.ready import numbers_occur, quotes_occur

APPROVE_ABOVE = Decimal(500)
app = App("claims", budget_usd=1, record_budget_usd="0.05")


class Claim(BaseModel):
    """What the customer wrote."""

    id: str
    text: str


class Facts(BaseModel):
    """What the claim says."""

    what: str
    amount_eur: Decimal = Field(ge=0)
    quote: str


class Case(BaseModel):
    """A claim with its facts, as the later steps see it."""

    text: str
    facts: Facts


class Ruling(BaseModel):
    """What is to be done."""

    pay: bool
    amount_eur: Decimal = Field(ge=0)
    why: str


class Settled(BaseModel):
    """A claim with what was decided."""

    text: str
    ruling: Ruling


class Letter(BaseModel):
    """What the customer gets."""

    letter: str


@app.step(models=["openai:gpt-5-nano"])
def read(claim: Claim) -> Prompt[Facts]:
    """Step one: what is claimed."""
    return Prompt("What was damaged, and what is claimed for it in euros? Quote the words.", claim.text)


read.check(quotes_occur("quote", in_="text"))
read.check(numbers_occur("amount_eur", in_="text"))


@app.step(models=["openai:gpt-5-mini"])
def judge(case: Case) -> Prompt[Ruling]:
    """Step two: whether it is paid."""
    rules = "Water and fire are covered, wear is not. Of each claim the customer bears 100 euros."
    return Prompt(f"Decide this claim. {rules}", case.facts, case.text)


@judge.check
def own_share(ruling: Ruling, case: Case) -> None:
    """Arithmetic is not left to a model."""
    most = max(case.facts.amount_eur - 100, Decimal(0)) if ruling.pay else Decimal(0)
    if ruling.amount_eur != most:
        raise Fault(f"claimed less 100 euros is {most}, not {ruling.amount_eur}", where="amount_eur")


@app.step(models=["openai:gpt-5"])
def write(settled: Settled) -> Prompt[Letter]:
    """Step three: the letter."""
    return Prompt(
        "Write three friendly sentences to the customer with the decision.", settled.ruling, settled.text
    )


write.check(numbers_occur("letter", in_="ruling"))


@app.workflow
async def settle(claim: Claim) -> Letter:
    """The whole way of a claim; it runs again from the top on every resume, and what is known costs nothing."""
    facts = await read(claim)
    ruling = await judge(Case(text=claim.text, facts=facts))
    if ruling.amount_eur > APPROVE_ABOVE:
        ruling = await app.approval("Pay this?", ruling)
    return await write(Settled(text=claim.text, ruling=ruling))
