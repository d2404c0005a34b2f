"""`manage.py prove`: a scratch installation under fire, and a ledger of what became of every profile.

The command makes a scratch database and starts this package in it as a process of its own, so that
nothing in here has ever seen the real one.
"""
