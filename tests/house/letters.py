"""The app of the tests that keep house: a step, and a workflow around it."""

from pydantic import BaseModel, Field

from roadworthy import App, Model, Price, Prompt

app = App("letters", budget_usd=5)


class Letter(BaseModel):
    id: str
    name: str
    body: str


class Topic(BaseModel):
    topic: str = Field(max_length=100)
    sure: float


@app.step(
    models=[Model("openai:small", price=Price(input="0.1", output="0.4"))],
    review_below=0.5,
    confidence="field:sure",
)
def sort(letter: Letter) -> Prompt[Topic]:
    """The question has the writer's name among its instructions, as careless code may."""
    return Prompt(f"Sort this letter of {letter.name}.", letter.body)


@app.once
async def look_up(name: str) -> str:
    """What is known of someone."""
    return f"known as {name}-LOOKEDUP"


@app.workflow
async def handle(letter: Letter) -> Topic:
    """Look up who writes, then sort."""
    await look_up(letter.name)
    return await sort(letter)
