"""Trials become configs, configs are compared, and the result is put into sentences.

configs               trials that differ in the seed alone are one config; what sets configs apart
answer_matrix         which questions a config answered correctly, under each seed
assessed_configs      what the safety assessment found of each config
config_passages       what retrieved passages do to the answers of each config
leaderboard           the order; each config compared with the best and with its own untuned base
by_objective          the order by what was optimised, where that is not accuracy alone
confirmation_result   what new seeds made of the best configs
passages_verdict      whether passages help, in words
safety_figures        the figure of each suite, for tables and plots
safety_verdict        the assessment of the winner in words, and what was not assessed
slow_nodes            nodes whose trials run much slower than the same work elsewhere
nodes_verdict         the nodes of a study in words
verdict               the answer in words, with alarms and cautions
pairs                 any two configs, and how much data would resolve them
discordant            the questions that only one of two configs answers correctly
confirmation_verdict  a confirmation in words
"""
