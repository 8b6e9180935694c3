"""Sends trials to Weights & Biases from their folders, never from the training process, so an outage loses nothing.

`tracker` follows or replays a trial's folder, `session` opens a run, `client` starts and ends W&B's service,
`run_settings` combines the settings of a run, `variables` lists how each of W&B's environment variables is treated.
"""
