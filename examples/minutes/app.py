"""Meeting notes become a summary: every sentence cites the lines it rests on, every date and name stands in the notes."""

import datetime as dt

from pydantic import BaseModel, Field

from roadworthy import App, Prompt
from roadworthy.check.ready import dates_occur, length, names_occur, sentences_cite

app = App("minutes", budget_usd=1)


class Line(BaseModel):
    """A line of the notes with the number that cites it."""

    id: str
    says: str


class Notes(BaseModel):
    """The notes of one meeting, as they were typed."""

    id: str
    text: str

    @property
    def lines(self) -> list[Line]:
        """The lines that say something, numbered from 1."""
        said = (line.strip() for line in self.text.splitlines())
        return [Line(id=str(n), says=line) for n, line in enumerate(filter(None, said), start=1)]


class Task(BaseModel):
    """Who does what, and until when if that was said."""

    what: str
    who: str
    due: dt.date | None


class Summary(BaseModel):
    """What was decided, and what follows from it."""

    summary: str = Field(
        description="two to four sentences; each ends with the numbers of its lines, as in [2][3]"
    )
    tasks: list[Task]


@app.step(models=["openai:gpt-5-nano", "openai:gpt-5-mini"])
def summary(notes: Notes) -> Prompt[Summary]:
    """Number the lines, so that they can be cited."""
    numbered = "\n".join(f"[{line.id}] {line.says}" for line in notes.lines)
    return Prompt("Summarize these meeting notes. Say only what they say.", numbered)


summary.check(sentences_cite("summary", in_="lines.id"))
summary.check(length("summary", sentences=(2, 4)))
summary.check(dates_occur("tasks.due", in_="text"))
summary.check(names_occur("tasks.who", in_="text"))
