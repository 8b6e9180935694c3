"""Retrieval: passages of the user's literature for each question, ranked once for all trials, without a model.

Read in this order: `sources` finds the files; `documents` reads them, `pdf` those of pages; `sentences` finds where
sentences begin and end; `chunks` cuts a document into passages; `corpus` puts them in one order with one fingerprint.
`tokenize` splits text into search terms, `bm25` ranks the passages for a query, `ranking` does so for all questions and
keeps the result in the shared cache. `leaks` finds passages that give answers away; `shown` chooses and cuts what a
prompt shows; `description` counts what a corpus holds, and `printing` prints it.
"""
