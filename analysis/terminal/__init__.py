"""The leaderboard on a terminal.

printing  what is said, and in which order
tables    its tables, as wide as the terminal is
"""
