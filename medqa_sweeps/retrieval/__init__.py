"""Retrieval: passages of the user's literature for each question, ranked once for all trials.

Read in this order: `sources` finds the files; `documents` reads them, `pdf` those of pages; `sentences` finds where
sentences begin and end; `chunks` cuts a document into passages; `corpus` puts them in one order with one fingerprint.
`retriever` is what all retrievers have in common: `bm25` ranks by words, which `tokenize` splits from text; `dense` by
vectors, which `embedding` has a child process compute with one of `encoders`; `hybrid` by both. `ranking` ranks the
passages for all questions and keeps the result in the shared cache. `leaks` finds passages that give answers away;
`shown` chooses and cuts what a prompt shows; `description` counts what a corpus holds, and `printing` prints it.
"""
