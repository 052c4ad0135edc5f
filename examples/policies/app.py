"""A question about the house's rules is answered with quotes from them, or with "not in the documents"."""

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Passage, Passages, Prompt
from roadworthy.check.ready import citations_exist, quotes_occur

NOT_THERE = "not in the documents"
app = App("policies", budget_usd=1)


class Question(BaseModel):
    """What somebody asks."""

    id: str
    text: str


class Answer(BaseModel):
    """An answer with what it rests on."""

    answer: str = Field(description=f"one or two sentences, or exactly: {NOT_THERE}")
    quotes: list[str] = Field(description="the words it rests on, copied")
    cites: str = Field(
        description="the numbers of the passages they are from, as in [1][3]; empty if there are none"
    )


@app.step(
    models=["openai:gpt-5-nano", "openai:gpt-5-mini"], context=Passages("policies", query="text", most=4)
)
def answer(question: Question, passages: list[Passage]) -> Prompt[Answer]:
    """The passages come first: questions that share them share the beginning of their prompts."""
    return Prompt(
        f"Answer from the passages alone. If they do not say it, the answer is: {NOT_THERE}",
        passages,
        question.text,
    )


answer.check(quotes_occur("quotes", in_="passages.text"))
answer.check(citations_exist("cites", in_="passages.id"))


@answer.check
def rests_on_something(found: Answer, _question: Question) -> None:
    """An answer without a quote is a guess, and a quote without an answer is none."""
    if found.answer == NOT_THERE and (found.quotes or found.cites):
        raise Fault(f"`{NOT_THERE}` quotes nothing", where="quotes", kind="ungrounded")
    if found.answer != NOT_THERE and not (found.quotes and found.cites):
        raise Fault(
            f"quote what it rests on and cite it, or answer: {NOT_THERE}", where="quotes", kind="ungrounded"
        )
