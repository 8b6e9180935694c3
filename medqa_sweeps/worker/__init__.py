"""A trial's own process, the only room with torch: from a folder's config to a scored adapter in the same folder.

`main` takes a folder and records how its trial ended; `run` is the trial on one screen. An engine of `engines/` trains,
and the trial's `recorder` writes down what happens. `model` loads the base and its adapter, `weights` and
`language_model` refuse what does not fit or is not what was asked for. `evaluation` answers questions, `baseline`
scores the untuned base. `probe` asks a GPU how large a forward pass may be. `checkpoint` keeps enough to resume,
`phases` shows what the trial does now and how long it takes. `assessing` asks both models the edited questions of a
safety assessment and `asking_requests` the user's requests; `asked_model` is what they need of a model, `completions`
how likely a text is and what a model writes. `predict`, `final_scores` and `assess` answer other questions with the
adapter that `trained` loads, `embed` turns texts into vectors for retrieval, and `refusal` says how such a process
ends. `device` is what a process computes on.

For `export`, `merging` adds the adapter to the base's weights; `gguf_conversion` and `gguf_quantising` make a GGUF of
them, for which `sentencepiece_model` makes a tokenizer's file. `plain_answers` and `gguf_answers` ask the result the
trial's `validation_prompts`, `letter_scores` reads letters.
"""
