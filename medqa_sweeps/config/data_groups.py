"""The config groups of questions: where they come from, and how they are split."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from medqa_sweeps.config.checks import Sources, as_texts, is_encoding, one_of, texts, texts_of
from medqa_sweeps.wording import setting

DATA_FORMATS = ("auto", "medqa", "ending", "bigbio", "medmcqa", "columns", "nested", "choices", "distractors")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@dataclass
class ColumnsConfig:
    """Which columns of a table, or fields of a record, contain what; null: found by their names (docs/data.md)."""

    question: str | None = None  # column of the question; null: found by its name
    # columns of the options in their order, [Opt1,Opt2,Opt3], or the one column that contains all; null: by their names
    options: Any = field(default=None, metadata={"type": Sources})
    answer: str | None = None  # column of the gold answer: a letter, a number or the option's text; null: by its name
    id: str | None = None  # column of your own id, kept beside each answer; null: id, qid or question_id

    def __post_init__(self) -> None:
        self.options = as_texts(self.options)

    def given(self) -> list[tuple[str, str]]:
        """Keys and column names, for each column that is named."""
        keys = {"question": self.question, "options": self.options, "answer": self.answer, "id": self.id}
        return [(f"data.columns.{key}", name) for key, names in keys.items() for name in texts_of(names)]

    def problems(self) -> Iterator[str]:
        yield from texts("data.columns.options", self.options, "a column, or columns in brackets: [Opt1,Opt2]")
        if isinstance(self.options, list) and len(self.options) == 1:
            yield f"data.columns.options={setting(self.options)}: name two or more columns, or one without brackets"
        by_name: dict[str, list[str]] = {}
        for key, name in self.given():
            by_name.setdefault(str(name).strip(), []).append(key)
        for name, keys in by_name.items():
            keys = [key for key in keys if key != "data.columns.id"]  # an id may be the question's number, say
            if len(keys) > 1:
                yield f"{' and '.join(dict.fromkeys(keys))} name the column {name} {len(keys)} times: name each once"


@dataclass
class DataConfig:
    """Where questions come from: a data set on the hub, or files."""

    name: str = MISSING  # label in tables; each option has its own
    hub_id: str | None = None  # data set on the hub; then train, validation and test name its splits
    hub_subsets: list[str] = field(default_factory=list)  # parts of the data set, or sets in one JSON file; []: all
    revision: str | None = None  # branch, tag or commit; null: the hub's default branch. The commit used is recorded
    # file, glob of files, split of data.hub_id, or several: [a.csv,b.csv]; "bundled:NAME/FILE" is a file shipped here
    train: Any = field(default=None, metadata={"type": Sources})
    # file, glob, split or several, as data.train; not needed with split=random or kfold
    validation: Any = field(default=None, metadata={"type": Sources})
    # file, glob, split or several, as data.train; locked: only `medqa_sweeps final` reads it
    test: Any = field(default=None, metadata={"type": Sources})
    # auto | medqa | ending | bigbio | medmcqa | columns | nested | choices | distractors: the format of a record
    format: str = "auto"
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)  # which columns contain what, if names do not tell
    encoding: str | None = None  # of text files, such as cp1252; null: UTF-8, or UTF-16 with its byte order mark
    delimiter: str | None = None  # comma | semicolon | tab | pipe: of tables; null: the one that the header shows
    # 0 or 1, if answers are option numbers: the number of the first option; null: inferred from the records
    answer_base: int | None = None
    # stop | quarantine: bad records are counted and set aside in the trial's quarantine.jsonl, the rest is used
    on_bad_record: str = "stop"
    # keep | remove | quarantine | permute: for questions with options such as "Both A and B". keep: training
    # leaves the options in the file's order; remove: as keep, and a copy of the options is cut out of the question;
    # quarantine: such questions are set aside; permute: they are treated like all others
    ordered_options: str = "keep"
    synthetic: bool = False  # invented facts: every page that shows a score says so
    allow_overlap: bool = False  # train although every validation question is a training question; else it is refused

    def __post_init__(self) -> None:
        if isinstance(self.columns, dict):  # from JSON or YAML
            self.columns = ColumnsConfig(**self.columns)
        self.train, self.validation, self.test = map(as_texts, (self.train, self.validation, self.test))

    def problems(self) -> Iterator[str]:
        for part in ("train", "validation", "test"):
            yield from texts(f"data.{part}", getattr(self, part), "a file, a glob, or several in brackets: [a,b]")
        yield from self.columns.problems()
        if self.columns.given() and self.format != "auto":
            yield f"data.format={self.format}: with {self.columns.given()[0][0]} it must be auto"
        if self.delimiter is not None and self.delimiter not in DELIMITERS.values():
            yield from one_of("data.delimiter", self.delimiter, tuple(DELIMITERS))
        if self.encoding is not None and not is_encoding(self.encoding):
            common = "utf-8, utf-16, cp1252, latin-1 and gb18030"
            yield f"data.encoding={self.encoding}: no such encoding; common values are {common}"
        for key in ("encoding", "delimiter"):
            if self.hub_id is not None and getattr(self, key) is not None:
                yield f"data.{key}={getattr(self, key)}: it is of files; data.hub_id={self.hub_id} needs none"
        yield from one_of("data.format", self.format, DATA_FORMATS)
        yield from one_of("data.on_bad_record", self.on_bad_record, ("stop", "quarantine"))
        yield from one_of("data.ordered_options", self.ordered_options, ("keep", "remove", "quarantine", "permute"))
        if self.answer_base not in (None, 0, 1):
            yield f"data.answer_base={self.answer_base}: 0, 1 or null"
        if self.train is None:
            yield "data.train is null: name a file, or a split of data.hub_id"


@dataclass
class SplitConfig:
    """Which questions train and which validate. Its seed is not the trial's: replicates share their questions."""

    name: str = "official"  # official | random | kfold
    seed: int = 0  # random and kfold: which questions go to which part
    validation_ratio: float = 0.1  # random: share of the questions used for validation, above 0 and below 1
    folds: int = 5  # kfold: number of parts, 2 or more
    fold: int = 0  # kfold: the part used for validation, from 0 to folds - 1
    train_fraction: float = 1.0  # share of the training questions used, drawn by split.seed; above 0 and at most 1
    max_validation: int | None = None  # most validation questions used, drawn by split.seed; 1 or more; null: all

    def problems(self) -> Iterator[str]:
        yield from one_of("split.name", self.name, ("official", "random", "kfold"))
        if not 0 < self.validation_ratio < 1:
            yield f"split.validation_ratio={self.validation_ratio}: must be above 0 and below 1"
        if self.folds < 2:
            yield f"split.folds={self.folds}: 2 or more"
        if not 0 <= self.fold < max(self.folds, 1):
            yield f"split.fold={self.fold}: from 0 to {self.folds - 1} (split.folds={self.folds})"
        if not 0 < self.train_fraction <= 1:
            yield f"split.train_fraction={self.train_fraction}: must be above 0 and at most 1"
        if self.max_validation is not None and self.max_validation < 1:
            yield f"split.max_validation={self.max_validation}: 1 or more, or null for all"
