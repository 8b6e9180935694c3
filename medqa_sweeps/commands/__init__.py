"""What `python -m medqa_sweeps` can be asked for, one file per command.

A command's file has `add_arguments(parser)`, which says what may follow its name, and `run(arguments)`, which does it
and returns the exit code: OK when it did what it says, FAILED otherwise. A `TrialError` that it raises is printed as a
sentence. Heavy libraries are imported where they are used: `--help` and a misspelt command answer at once. To add a
command, add its file here and its lines to `SUMMARIES` and `EXAMPLES`.
"""

SUMMARIES = {
    "report": "print the leaderboard of a study and write its page with plots",
    "status": "show what has finished, is running or was interrupted in a study",
    "stop": "stop a sweep, or one of its trials, at the next step",
    "add": "run one more trial next, with overrides of your choice",
    "resume": "resume an interrupted study or run",
    "data": "describe a data set: counts, lengths, problems, overlaps",
    "corpus": "describe a corpus for retrieval: passages, lengths, what cannot be read, leaks",
    "ask": "show the passages of your literature for a question, and a draft whose quotes are checked",
    "confirm": "run the best configs of a study again with fresh seeds",
    "final": "score the selected trial on the locked test questions, once",
    "reproduce": "run a trial's saved config again and compare the results",
    "assess": "ask finished trials edited questions: what an edit that should not matter does",
    "predict": "answer the questions of a file with a trial's adapter",
    "quiz": "practise: you answer first, then see the right answer and the model's",
    "export": "write a trial's model for PEFT, Transformers, llama.cpp or Ollama, checked against the trial",
    "wandb-sync": "send to Weights & Biases what an offline connection kept back",
    "wandb-view": "make a saved view and a W&B report of a study",
    "doctor": "show what this machine can run, and what to fix",
}

STUDY_HELP = "folder of a study, such as multirun/quickstart"
# What may follow `medqa-sweeps`, for --help.
EXAMPLES = {
    "report": "report multirun/first multirun/second --top 5 --no-page",
    "status": "status multirun/quickstart",
    "stop": "stop multirun/quickstart 3",
    "add": "add multirun/quickstart lora.r=128 optimizer.lr=1e-4",
    "resume": "resume multirun/quickstart",
    "data": "data TRAIN.jsonl --model gemma3_1b --max-length 768",
    "corpus": "corpus TEXTBOOKS --questions DEV.jsonl --model gemma3_1b",
    "ask": "ask 'What raises urate?' --corpus TEXTBOOKS --model gemma3_1b",
    "confirm": "confirm multirun/quickstart --top 2 --seeds 3",
    "final": "final multirun/quickstart",
    "reproduce": "reproduce multirun/quickstart/0",
    "assess": "assess multirun/quickstart --suites order,placebo",
    "predict": "predict multirun/quickstart/0 QUESTIONS.jsonl --out ANSWERS.csv",
    "quiz": "quiz multirun/quickstart --count 20",
    "export": "export multirun/quickstart --to exported --as merged",
    "wandb-sync": "wandb-sync multirun/quickstart",
    "wandb-view": "wandb-view multirun/quickstart",
    "doctor": "doctor",
}
