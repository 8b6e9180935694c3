"""Questions of the style of published sets, and strategies that draw some."""

from hypothesis import strategies as st

from medqa_sweeps.data.question import Question, question_id

VIGNETTE = (
    "A 45-year-old man comes to the physician because of chest pain. He takes warfarin and Zestril, and his wife says "
    "that he has been tired. Laboratory studies show:\nHemoglobin 14 g/dL\n"
    "Which of the following is the most likely diagnosis?"
)
OPTIONS = ("Warfarin", "lisinopril", "Stop his medication", "ASPIRIN 81 mg")


def question(text: str = VIGNETTE, options: tuple[str, ...] = OPTIONS, gold: int = 1) -> Question:
    return Question(question_id(text, options), text, options, gold)


_SENTENCES = (
    *("She has a cough.", "He smokes.", "A 30-year-old woman is seen.", "A 4-day-old boy cries.", "An error occurs."),
    *("Her mother says she is ill.", "His wife is well.", "It is not so.", "WARFARIN is given.", "Coumadin, zestril."),
    *(
        "She asked her to rest.",
        "It hurts him.",
        "This made her cry.",
        "The bundle of His is normal.",
        "Mr. Smith nods.",
        "Hıs arm; waſ Heſhe.",
    ),
    *(
        "His mother says he fell.",
        "He is a Black man.",
        "She is pregnant.",
        "一名45岁男子就诊。",
        "Which of these is LEAST likely?",
        "Who is right?",
    ),
)
_OPTIONS = (
    *(
        "Aspirin",
        "aspirin",
        "WARFARIN",
        "zestril",
        "Lisinopril",
        "Refer her to a clinic",
        "Tell him",
        "Ovary",
        "No",
        "阿司匹林",
    ),
    *("All of the above", "Both A and B", "None of these", "None of the other answers", "C. difficile", "5 mg"),
)


@st.composite
def any_question(draw: st.DrawFn) -> Question:
    """A few sentences and two to six options, also of equal text."""
    text = " ".join(draw(st.lists(st.sampled_from(_SENTENCES) | st.text(max_size=8), min_size=1, max_size=5)))
    options = tuple(draw(st.lists(st.sampled_from(_OPTIONS) | st.text(max_size=4), min_size=2, max_size=6)))
    return question(text, options, draw(st.integers(0, len(options) - 1)))
