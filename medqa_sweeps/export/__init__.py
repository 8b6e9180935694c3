"""A trial's model for other programs: what is written, and how it is compared with the trial.

`forms` lists the choices, `folder` makes the target complete or not at all, `base_files` takes over tokenizer and
config from the base, `modelfile` derives what Ollama needs, `llama_cpp` finds the converter. `comparing` sets the
answers of an export beside the trial's, `card` writes the README, `usage` the lines that load it. `progress` is how far
a child is. `jobs/export.py` runs it.
"""
