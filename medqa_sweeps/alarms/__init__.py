"""Alarms about one trial, from its record alone: what makes a score misleading although it was computed correctly.

An alarm rests on an exact test, on a simulation or on a count, and states how often a healthy trial raises it:

    one_letter            (nearly) the same letter for every question                   at most 1 in 1,000
    no_answer_changed     every answer is still that of the untuned base                at most 1 in 1,000
    not_above_chance      no better than guessing or than always giving one letter      at most 1 in 1,000
    worse_than_base       worse than its own untuned base, on the same questions        at most 1 in 400
    loss_never_fell       training loss no lower at the end than at the start           at most 1 in 1,000
    peaked_early          an evaluation long before the last one was better             at most 1 in 400
    near_duplicates       validation questions that have a near-duplicate in training   a count, never false

By Bonferroni's inequality a trial that is healthy in all seven ways raises an alarm at most 9 times in 1,000, however
much the alarms have to do with each other; `tests/alarms/test_family.py` simulates it. What is healthy, and so whom
a rate is promised to, stands in each function's docstring. Alarms say what is shown beyond chance: few questions or few
lines keep them silent, and silence proves nothing.

    trial        `alarms_of`: from a trial's folder
    record       the folder's files as plain lists; None for a file that is missing or damaged
    letters      one_letter, no_answer_changed
    accuracy     not_above_chance, worse_than_base, peaked_early
    loss         loss_never_fell
    leaks        near_duplicates
    tails        exact binomial probabilities
    cautions     not of a trial's score: settings that are surely not meant, before anything starts
"""

from medqa_sweeps.alarms.alarm import Alarm, about_the_trial, written
from medqa_sweeps.alarms.trial import alarms_of

__all__ = ["Alarm", "about_the_trial", "alarms_of", "written"]
