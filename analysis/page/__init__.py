"""The page as HTML, in one file that can be mailed: `document` puts it together, from templates that stand beside it.

document      the order of its parts                  page.html, page.css, page.js
about         what study it is, a sentence of methods
trial_tables  leaderboard, and trials not ranked
passages_section  accuracy with passages, without, and with another question's
safety_section  the safety assessment's figures and statements
live_table    a table to sort and filter              live_table.html, live_table.js
plot_figure   a plot, its caption, its tables
chooser       any two configs, as readers choose      chooser.html, chooser.js
markup        text, JSON and tables, escaped
"""
