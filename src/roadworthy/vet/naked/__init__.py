"""The road test of a plain function: a proof of concept as it is, called by record in a child process.

A function and its input come in; the same report as an app's leaves. The function sees dummy keys and no network but
the simulated provider's port. It is never called in this process, never with a real key, and never with a real provider.

`roadworthy vet` brings a target here when its file binds the name to a function that is no entry of an app.
"""
