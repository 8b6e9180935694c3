"""One study on disk, and the ranking of its configs.

`folder` names the files of a study's folder and finds its trials, `find` tells a study's folder from a trial's,
`labels` gives each trial a short label. `objective` and `pareto` define what is optimised, `best` ranks configs,
`selection` says which trial stands for the study.
`not_run` records trials without a folder, `confirmation` finds a study's confirmation, `ledger` records every reading
of the test questions.
"""
