"""Jobs in flight on the slots of a pool, over as many attempts as their failures allow.

`contract` is what a sweep's loop relies on. `trials` starts a trial's worker, follows its folder and retries it:
`preparing` plans a trial before, `child_process` says what its process is given, `attempts` how an attempt ended,
`folder_wait` what a next attempt waits for, `change_notices` what changed since earlier trials, `trial_end` how it
counts. `callables` (in a `callable_child`) runs any Hydra task function, `batches` hands batches to a stock launcher;
`launcher` chooses. `single` is one trial alone, with its `progress`; `one_child` a process that does one thing,
`final_test` the one that scores a trial on the test questions, `export` those that write and check an export,
`assessing` those that assess the safety of finished trials.
`failures` says what follows a failure, `interrupts` hears Ctrl-C.
"""
