"""What is on disk of one study, and which of its configs is the best.

`folder` names the files of a study's folder and finds its trials, `find` tells a study's folder from a trial's.
`labels` says what sets them apart. `objective` and
`pareto` say what is optimised, `best` ranks configs. `not_run` records trials without a folder, `confirmation` finds
a study's confirmation, `ledger` keeps every reading of the test questions.
"""
