"""What passages do to a model's answers, beside the same model without them and with another question's.

controls       the two controls, as variants of a question
control_lines  controls.jsonl, the answers to them
shown          retrieved.jsonl, the passages that each question is shown
effect         what was found of one trial, and whether passages help
statements     the same in words
"""
