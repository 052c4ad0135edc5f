"""The shipped example: a support inbox as messy as a real one, the app that triages it, and what two models said.

A file of messages, four pages of policy and recorded answers come in; nothing leaves but what the app accepts.
It holds data and one page of user code, and never a rule that Roadworthy itself depends on.
"""
