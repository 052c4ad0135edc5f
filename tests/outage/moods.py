"""The app of the tests that need processes of their own."""

from typing import Literal

from pydantic import BaseModel

from roadworthy import App, Model, Price, Prompt

app = App("moods")


class Note(BaseModel):
    id: str
    text: str


class Mood(BaseModel):
    mood: Literal["glad", "sad"]


@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
def mood(note: Note) -> Prompt[Mood]:
    """One question about one note."""
    return Prompt("Glad or sad?", note.text)
