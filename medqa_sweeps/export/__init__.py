"""A trial's model leaves the house: as files for other software, and to the Hugging Face Hub.

`forms` lists the choices, `folder` makes the target complete or not at all, `base_files` takes over tokenizer and
config from the base, `modelfile` derives what Ollama needs, `llama_cpp` finds the converter. `comparing` sets the
answers of an export beside the trial's, `usage` has the lines that load it. `jobs/export.py` runs it.

`private` finds what must not leave: paths of this machine, names of people and machines, tokens, e-mail addresses;
`gguf_text` reads the texts of a GGUF file for it. `upload` sends an exported folder to the hub.
"""
