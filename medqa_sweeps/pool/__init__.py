"""Processes on slots. Imports nothing of trials: what passes through is a module's name, its arguments and a log.

`contract` is what every pool promises; `local` is this machine, `in_process` this process. `request` says which devices
were asked for, `devices` finds, leases and divides them. `children` starts processes: `child` is the first thing that
one does, `forkserver` and `spare` have imported ahead.
"""
