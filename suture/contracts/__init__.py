"""The vocabulary all stages share: short, frozen values, no I/O.

Read in this order: objects, milestone, process, verdict, alert, trace.
"""
