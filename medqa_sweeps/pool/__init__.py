"""Runs processes on slots. Knows nothing of trials: a pool gets a module name, its arguments and a log file.

`contract` is the interface of every pool; `local` implements it for this machine, `in_process` within this process.
`request` parses which devices are requested, `devices` finds them, `leases` locks them, `lease_holders` names the
sweeps that hold the others, and `slots` divides them. `children` starts processes: `child` is the entry point of each
process, `forkserver` and `spare` import libraries in advance.

`failing_devices` takes devices on which processes fail again and again out of service.

`pilots` is a pool of slots that a cluster grants and takes away, `seat` what starts processes on such a slot, and
`seat_talk` what the two say to each other. `slurm` implements a pilot on a Slurm cluster, `slurm_request` is what it
asks there, and `open_files` lets it hold many. `ray_cluster` implements one on a Ray cluster, and `ray_request` is what
it asks; `ray_driver` is a process with the connection, to which it speaks in `ray_lines`, and `ray_actor` what holds a
slot on a node.

To add a pool: write a file that implements `contract.Pool`, and add a line to the makers in
`tests/contracts/test_pool.py` and a line to the table in `jobs/launcher.py`.
"""
