"""Reads the records of trials and says what they show. Never runs anything; imports only the shared ground.

study        the trials of a folder as they stand         configs      replicates of one config; what is a row
settings     what differs between their configs           answers      who was right on which question
leaderboard  their order, each compared with the best     history      when trials ran, how they learned
verdict      that in words                                predictions  letters and their probabilities
terminal     all of it printed                            questions    the texts behind question ids
report       page, CSV and JSON written                   page         the HTML (with page.css, page.js)
export       CSV and JSON                                 pictures/    a file a picture
confirmation what fresh seeds made of the best           ledger       what the test questions were read for
wandb_summary, wandb_sync: tell W&B what the folders hold
"""
