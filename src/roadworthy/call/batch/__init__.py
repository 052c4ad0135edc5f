"""Providers' batch APIs: many calls in one file, answered within a day at half the price.

Requests in, the bytes that a provider's batch takes; what it says of a batch and of each call in it out. Pure but for
the courier, which carries them. Never decides what is sent, and never writes a row.
"""
