"""A product sheet becomes copy for a shop, which may not claim what the sheet does not say."""

from pydantic import BaseModel, Field

from roadworthy import App, Prompt
from roadworthy.check.ready import language, length, no_repetition, numbers_occur, phrases

app = App("copy", budget_usd=1)
CLAIMS = ("best", "cheapest", "guaranteed", "clinically proven", "cures", "miracle", "risk-free", "100 %")


class Sheet(BaseModel):
    """What is known of a product."""

    id: str
    name: str
    facts: list[str]


class Copy(BaseModel):
    """What the shop shows."""

    headline: str = Field(max_length=80)
    body: str


@app.step(models=["openai:gpt-5-nano", "openai:gpt-5-mini"])
def copy(sheet: Sheet) -> Prompt[Copy]:
    """The rules are told, and checked all the same."""
    return Prompt(
        f"Write a headline and 15 to 60 words of copy for a shop. Use the facts and nothing else. Never say: {', '.join(CLAIMS)}.",
        sheet.name,
        "\n".join(sheet.facts),
    )


for field in ("headline", "body"):
    copy.check(phrases(field, banned=CLAIMS))
    copy.check(numbers_occur(field, in_="facts"))
copy.check(length("body", words=(15, 60)))
copy.check(language("body", "en"))
copy.check(no_repetition("body"))
