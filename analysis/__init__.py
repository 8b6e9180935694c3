"""Reads the records of trials and says what they show. Never runs anything; imports only the shared ground.

`study` holds the trials of a folder as they stand, `settings` what differs between their configs, `leaderboard` their
order and each one's comparison with the best, `verdict` that comparison in words, `terminal` all of it printed.
`confirmation` is what fresh seeds made of the best, `ledger` what the test questions were read for. `wandb_summary` and
`wandb_sync` tell W&B what the folders hold.
"""
