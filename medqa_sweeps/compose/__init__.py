"""Hydra: from overrides to a trial's composed config, and every refusal of it in a sentence.

`settings` are the keys of our sweeper and launchers, `conf/` the samplers and pruners that they offer. `composer`
composes trial after trial, `snapshot` keeps the config files of a study, `hydra_node` reads Hydra's own node,
`refusals` says what Hydra refused, `unreadable` what its parsers could not read; `ending` ends the program with it.
`arguments` reads the command line of `launch.py`; `launch_help` is its `--help`, made of what `comments` reads in the
sources. `texts` keeps a text that looks like a number as it was typed.
"""
