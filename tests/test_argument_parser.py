"""`python -m medqa_sweeps` and `python -m analysis`: what --help says parses, and a wrong word gets a sentence."""

import shlex

import pytest

import medqa_sweeps.analysis.__main__ as analysis_program
from medqa_sweeps.__main__ import main, parser_of
from medqa_sweeps.commands import EXAMPLES, SUMMARIES
from medqa_sweeps.exit_codes import ExitCode


@pytest.mark.parametrize("command", SUMMARIES)
def test_the_example_of_a_command_parses_and_stands_in_its_help(command: str) -> None:
    name, *words = shlex.split(EXAMPLES[command])
    parser = parser_of(command)
    assert name == command and parser.parse_intermixed_args(words)
    assert f"uv run medqa-sweeps {EXAMPLES[command]}\n" in parser.format_help()


@pytest.mark.parametrize("command", SUMMARIES)
def test_every_argument_of_a_command_is_explained(command: str) -> None:
    assert [action.dest for action in parser_of(command)._actions if not action.help] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["resum", "x"], "resum is not a command. Did you mean resume?"),
        (["xyzzy"], "xyzzy is not a command. Commands are report, status,"),
        (["final"], "STUDY is missing."),
        (
            ["final", "x", "--tral", "3"],
            "--tral is not an argument of `medqa-sweeps final`. Did you mean --trial?",
        ),
        (["stop", "x", "first"], "TRIAL first: must be a whole number."),
        (["report", "--foo", "x"], "--foo is not an argument of"),
    ],
)
def test_a_wrong_command_line_is_refused_in_a_sentence(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    written = capsys.readouterr().err
    assert stopped.value.code == ExitCode.USAGE
    assert written.startswith(told) and written.endswith("--help` explains.\n") and written.count("\n") == 1


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) is ExitCode.USAGE
    written = capsys.readouterr().out
    assert all(f"  {name} " in written and summary[:40] in written for name, summary in SUMMARIES.items())


@pytest.mark.parametrize(
    ("words", "told"), [(["--top", "0", "x"], "--top 0: must be"), (["--tap", "x"], "Did you mean --top?")]
)
def test_so_is_one_of_the_analysis(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        analysis_program.main(words)
    assert stopped.value.code == ExitCode.USAGE and told in capsys.readouterr().err
