"""One trial on disk: what was asked, what it stood on, what happened, how it ended.

`folder` names the files of a trial's folder, `records` the lines and objects in them, `phase` says what a trial does
now. `plan` checks a config before anything trains; `provenance` writes down what it stood on; `since` and `reproduce`
say what has changed; `seen` says which questions a trial knows.
"""
