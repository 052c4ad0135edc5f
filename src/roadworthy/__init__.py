"""The system around the model: one input becomes one accepted, priced, explained, correctable result."""

from roadworthy._errors import Failed, Fault, Rejected, Waiting
from roadworthy.accept.image import Image
from roadworthy.accept.passage import Passage
from roadworthy.ask.passages import Passages
from roadworthy.ask.prompt import Prompt
from roadworthy.call.model import Function, Model
from roadworthy.call.price import Price
from roadworthy.run.app import App
from roadworthy.run.entry import Result

__all__ = [
    "App",
    "Failed",
    "Fault",
    "Function",
    "Image",
    "Model",
    "Passage",
    "Passages",
    "Price",
    "Prompt",
    "Rejected",
    "Result",
    "Waiting",
]
