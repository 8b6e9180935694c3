"""Jobs in flight on the slots of a pool, over as many attempts as their failures allow.

`contract` is what a sweep's loop relies on. `trials` starts a trial's worker, follows its folder and retries it,
`callables` (in a `callable_child`) runs any Hydra task function, `batches` hands batches to a stock launcher;
`launcher` chooses. `single` is one trial alone, with its `progress`; `one_child` a process that does one thing,
`final_test` the one that scores a trial on the test questions, `export` those that write and check an export,
`assessing` those that assess the safety of finished trials.
`failures` says what follows a failure, `interrupts` hears Ctrl-C.
"""
