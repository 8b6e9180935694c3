"""The page as HTML, in one file that can be mailed: `document` puts it together, from templates that stand beside it.

document      the order of its parts             page.html, page.css, page.js
trial_tables  leaderboard, and trials not ranked
plot_figure   a plot, its caption, its tables
chooser       any two configs, as readers choose  chooser.html, chooser.js
markup        text, JSON and tables, escaped
"""
