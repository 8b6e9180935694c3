"""Processes on slots. Imports nothing of trials: what passes through is a module's name, its arguments and a log.

`contract` is what every pool promises; `local` is this machine, `in_process` this process. `request` says which devices
were asked for, `devices` finds them, `leases` takes them, `holders` names who has the others, and `slots` divides them.
`children` starts processes: `child` is the first thing that one does, `forkserver` and `spare` have imported ahead.

To add a pool: a file that implements `contract.Pool`, a line among the makers of `tests/contracts/test_pool.py`, and a
line in the table of `jobs/launcher.py`.
"""
