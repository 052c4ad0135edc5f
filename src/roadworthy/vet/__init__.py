"""The road test: a provider that misbehaves as real ones do, and the team's own app driven against it.

An app and its input come in; a go or a no-go with a line of evidence per promise leaves. The simulated provider here
is a product of its own: any OpenAI client can talk to it. It never changes the app it tests and never calls a real provider.
"""
