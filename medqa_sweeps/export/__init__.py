"""A trial's model leaves the house: as files for other software, and to the Hugging Face Hub.

- `private`: finds what must not leave: paths of this machine, names of people and machines, tokens, e-mail addresses
- `gguf_text`: the texts of a GGUF file, which `private` searches
- `upload`: sends an exported folder to the hub
"""
