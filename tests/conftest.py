"""What holds for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, nothing about the code; and a run is to say the same of
# the same code everywhere. `HYPOTHESIS_PROFILE=searching` tries other examples each time.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("searching"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# A run in the background (`nohup`, `&`) ignores these, and so would the programs that are started and signalled here:
# what is ignored is handed on to them, a function that does nothing is not.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
