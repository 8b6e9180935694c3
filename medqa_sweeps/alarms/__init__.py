"""Alarms about one trial, from its folder alone: reasons why a correctly computed score is misleading.

Each alarm is based on an exact test, a simulation or a count, and has a known false-alarm rate:

    one_letter            (nearly) the same letter for every question                   at most 1 in 1,000
    no_answer_changed     every answer equals that of the untuned base                  at most 1 in 1,000
    not_above_chance      no better than guessing or than always answering one letter   at most 1 in 1,000
    worse_than_base       worse than its untuned base on the same questions             at most 1 in 400
    loss_never_fell       training loss no lower at the end than at the start           at most 1 in 1,000
    peaked_early          an evaluation long before the last one was better             at most 1 in 400
    near_duplicates       validation questions that have a near-duplicate in training   a count, never false

By Bonferroni's inequality, at most 9 in 1,000 trials that are healthy in all seven ways raise any alarm, whatever the
dependence between alarms; `tests/alarms/test_family.py` simulates it. Each function's docstring defines the healthy
trials that its rate applies to. Alarms are significant findings: with few questions or few lines none is raised, and
the absence of an alarm proves nothing.

    trial        `alarms_of`: from a trial's folder
    inputs       the folder's files as plain lists; None for a file that is missing or damaged
    letters      one_letter, no_answer_changed
    accuracy     not_above_chance, worse_than_base, peaked_early
    loss         loss_never_fell
    leaks        near_duplicates
    tails        exact binomial probabilities
    cautions     not about a score: settings that are probably mistakes, before anything starts
    faster       not about a score: a setting that would make trials faster on this machine
"""

from medqa_sweeps.alarms.alarm import Alarm, about_the_trial, alarm_text
from medqa_sweeps.alarms.trial import alarms_of

__all__ = ["Alarm", "about_the_trial", "alarm_text", "alarms_of"]
