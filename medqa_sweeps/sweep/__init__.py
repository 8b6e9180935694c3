"""A sweep: what to try next, in which order, and when to stop.

`sweeper` is its story. `search_space` says what there is to try, `knob` by `knob`; `space_parsing` and `knob_parsing`
read it from Hydra's words. `study` chooses the next trial (`Study.ask`) and tells Optuna how it ended; `sampling` gives
each trial's draws a seed; `loop` starts trials on free slots; `pruning` stops those that are significantly worse.
`journal` and `storage` keep Optuna's record and check whose study it is,
`patience` waits for it. `announce`, `table` and `status` show the sweep; `steering` passes on what people ask of it;
`confirm` follows it.

Before it begins, `asked_settings` and `asked_objective` read what the sweeper was asked for, `preflight` checks every
value of every list, `presence` keeps a second sweep off. `study_program` starts a study's own program again.
"""
