"""The console: what the people around an app see and decide, as pages that a server writes.

Rows and events come in; pages leave, without anything from elsewhere. It never shows what a record or a model said as
anything but text, and never rules by itself.
"""
