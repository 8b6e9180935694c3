"""Weights & Biases, fed from a trial's folder: never from its training, so that an outage costs nothing.

`tracker` follows a trial's folder and replays it, `session` opens a run, `client` starts and ends W&B's service,
`settings` says where a run goes, `variables` which of W&B's environment variables are obeyed, and how.
"""
