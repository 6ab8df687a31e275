"""When Python looks for garbage in circles."""

import gc


def collect_seldom() -> None:
    """Pass over all that is there by now, and look for circles in what comes only rarely.

    For a process that has imported what it needs and now handles millions of objects that hardly
    ever form circles: with Python's own thresholds looking for them takes up to half of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    gc.enable()
