"""The base model that adapters are trained on: its files are located and fingerprinted before anything is loaded.

`located` finds a base on the hub or in a folder, `files` lists and hashes the files that a result depends on,
`fingerprints` compares a base with the one that a trial recorded, `errors` reports what is wrong with its files.
"""

from medqa_sweeps.base.located import BaseModel, locate, refuse_unknown_token, tokenizer_folder

__all__ = ["BaseModel", "locate", "refuse_unknown_token", "tokenizer_folder"]
