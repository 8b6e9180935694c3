"""The base model that adapters are trained on: its files, found and fingerprinted before anything is loaded.

`located` finds a base on the hub or in a folder, `files` lists and hashes what a result depends on, `fingerprints`
tells whether a base is still the one of a record, `errors` says what is wrong with a base's files.
"""

from medqa_sweeps.base.located import BaseModel, locate, refuse_unknown_token, tokenizer_folder

__all__ = ["BaseModel", "locate", "refuse_unknown_token", "tokenizer_folder"]
