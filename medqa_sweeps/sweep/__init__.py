"""A sweep: what to try next, in which order, and when to stop.

`sweeper` is its story. `search_space` and `sampling` say what there is to try, `study` asks and tells Optuna,
`journal` and `storage` keep its record, `patience` waits for it, `pruning` cuts what is hopeless, `loop` runs it all.
`announce`, `table` and `status` show it; `steering` hears what people ask of it; `confirm` and `final` follow it.

Before it begins, `asked_settings` and `asked_objective` read what the sweeper was asked for, `preflight` checks every
value of every list, `presence` keeps a second sweep off. `study_program` starts a study's own program again.
"""
