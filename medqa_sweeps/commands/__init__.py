"""What `python -m medqa_sweeps` can be asked for, a file a command.

A command's file has `add_arguments(parser)`, which says what may follow its name, and `run(arguments)`, which does it
and returns the exit code: OK when it did what it says, FAILED otherwise. A `TrialError` that it raises is printed as a
sentence. Heavy libraries are imported where they are used: `--help` and a wrong word answer at once. To add a command,
add its file here and its line to `SUMMARIES`.
"""

SUMMARIES = {
    "status": "what has ended in a study, what runs, what was interrupted",
    "stop": "end a sweep, or one of its trials, at its next step",
    "add": "try a point of your own before all others",
    "resume": "go on with an interrupted study or trial",
    "data": "what a data set holds: counts, lengths, what was cleaned, flagged, refused, overlaps",
    "confirm": "run the best configs of a study again under fresh seeds",
    "final": "score the chosen trial on the locked test questions, once",
    "reproduce": "run a trial's saved config again and compare the two",
    "predict": "let a trial's adapter answer the questions of a file",
    "doctor": "say what this machine can run, and what to mend",
}
