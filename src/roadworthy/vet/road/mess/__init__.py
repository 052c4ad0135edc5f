"""The team's input made messier: named, seeded, pure operators on texts, records and whole files.

A record or a file and an operator come in; the same thing messier leaves, and the operator says whether a reader would
still take the same from it. It draws no chance of its own: the same seed and the same record give the same mess.
"""
