"""Whether a reply is a valid answer: a `Reply` enters, `Valid` or `Invalid` leaves.

Parsing, mending that never invents, the schema, the step's own checks, and the policy of the one re-ask.
This room never asks a model and never turns a truncated answer into a whole one; what an answer says is data.
"""
