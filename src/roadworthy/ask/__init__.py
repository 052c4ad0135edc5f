"""How a model is asked: a record and the team's prompt enter, a pinned `Question` leaves.

Prompt files, examples, data parts and the output schema are joined here, and every text is made storable.
This room never calls a model and never counts money; what a record says is data here, never a template.
"""
