"""Which words name a sex, which speak of what only one sex has, and whether "her" becomes "his" or "him"."""

import re

_PAIRS = (
    *(("man", "woman"), ("boy", "girl"), ("male", "female"), ("gentleman", "lady"), ("Mr", "Mrs"), ("m", "f")),
    *(("he", "she"), ("himself", "herself"), ("husband", "wife"), ("boyfriend", "girlfriend"), ("his", "her")),
)
COUNTERPART = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])} | {"him": "her"}
_MALE = {one for one, _ in _PAIRS} | {"him"}
SPOUSES = {"husband", "wife", "boyfriend", "girlfriend"}
PRONOUNS = {"he", "she", "himself", "herself", "his", "him", "her"}

_HER = re.compile(r"\bher\b", re.IGNORECASE)
# A word that is swapped. "Mr" in this case alone, since MR is magnetic resonance; "His" is also a bundle of the heart.
# The flag `a` keeps ı and ſ from counting as i and s.
WORD = re.compile(
    r"\b(?P<title>Mrs?)\b(?=\.? [A-Z])|(?<=\bSex: )[MF]\b|(?<=\bGender: )[MF]\b"
    r"|(?<!bundle of )(?ai:\b(?:man|woman|boy|girl|male|female|gentleman|lady|he|she|himself|herself|husband|wife|"
    r"boyfriend|girlfriend|his|him|her)\b(?!-| bundle\b))"
)

# A relative of the patient's sex may own the pronoun that follows in the sentence: "her mother says she …".
_FEMALE_KIN = r"mother|mom|sister|daughter|grandmother|aunt|niece|granddaughter|stepmother"
_MALE_KIN = r"father|dad|brother|son|grandfather|uncle|nephew|grandson|stepfather"
KIN_THEN_PRONOUN = {
    "male": re.compile(rf"\b(?:{_MALE_KIN})\b[^.?!]*\b(?:he|him|his|himself)\b", re.IGNORECASE),
    "female": re.compile(rf"\b(?:{_FEMALE_KIN})\b[^.?!]*\b(?:she|her|herself)\b", re.IGNORECASE),
}
CHILD_OF_PARENT = (
    re.compile(r"\b(?:son|daughter)\b", re.IGNORECASE),
    re.compile(r"\b(?:mother|father|parents?|mom|dad|caregivers?)\b", re.IGNORECASE),
)

_LINKED = (
    r"pregnan\w*|prenatal\w*|antenatal\w*|postpartum|gravid\w*|multigravid\w*|primigravid\w*|para [0-9]|"
    r"G[0-9]+ ?P[0-9]+\w*|prostat\w*|BPH|PSA|uter(?:us|ine|i)|ovar\w+|oophor\w*|menstr\w*|menses|menarche|"
    r"(?:her|last|regular|heavy|painful|of) periods?|\w*menopaus\w*|amenorrh\w*|\w*menorrh\w*|testic\w*|testis|"
    r"testes|scrot\w*|penis|penile|erectile|erections?|ejacul\w*|sperm\w*|semen|seminal|seminoma|vas deferens|"
    r"vasectomy|circumcis\w*|foreskin|hypospadias|epispadias|cryptorchid\w*|varicocele|hydrocele|orchi\w*|"
    r"epididym\w*|vagin\w*|vulv\w*|clitor\w*|labia\w*|cervix|endocervi\w*|"
    r"cervical (?:cancer|carcinoma|cytolog\w*|smear|motion|dysplasia|intraepithelial|os|swab|dilat\w*|discharge)|"
    r"pap(?:anicolaou)? (?:smear|test)\w*|breast\w*|mammogra\w*|mastect\w*|nipple|gyn[ae]\w*|obstet\w*|lactating|"
    r"lactation|contracept\w*|birth control|OCPs?|IUD|intrauterine|tubal|fallopian|salping\w*|endometri\w*|"
    r"myometri\w*|leiomyoma\w*|fibroids?|placent\w*|fo?etal|fo?etus|embryo\w*|miscarr\w*|abort\w*|in labor|"
    r"trimester|fertil\w*|infertil\w*|gestation\w*|hysterect\w*|\w*hCG|estrogen\w*|estradiol|progest\w*|"
    r"testosterone|androgen\w*|hirsut\w*|virili\w*|masculini\w*|femini\w*|ambiguous genitalia|genital\w*|gonad\w*|"
    r"pubertal|puberty|tanner|thelarche|adrenarche|inguinal hernia\w*|X-linked|hemophili\w*|duchenne|becker|"
    r"dystrophin|turner|klinefelter|karyotype|\d\d, ?X[XYO]?\w*|46,?X\w|maternal (?:uncle|grandfather)|"
    r"color ?blind\w*|wiskott\w*|bruton|lesch\w*|G6PD|fabry|rett|fragile X|toxic shock|tampons?|osteopor\w*|"
    r"bone density|DEXA|densitometry|aortic aneurysm|sexual\w*|transgender|"
    r"(?:fe)?male (?:sex|gender|predomina\w+|predilection|pattern)|homosexual|gay|lesbian|bisexual|men|women|"
    r"males|females|boys|girls|gentlemen|ladies|pelvic (?:exam\w*|inflammatory)|bimanual|hot flashes|eclampsia|"
    r"preeclampsia|HELLP|H-Y antigen"
)
LINKED = re.compile(rf"\b(?:{_LINKED})\b", re.IGNORECASE)

# After an object pronoun ("asked her to", "examining her."): not the start of a noun phrase.
_AFTER_HIM = (
    "to and or but that if when while because since as at in on by for from with without within of into onto over "
    "about after before during until than is was are were has had will would should can could may might do does did a "
    "an the this these those it its he she i you who which what whether how where why up down out off away through "
    "not less very too so again also often sometimes recently currently today yesterday there here"
)
_NOT_A_NOUN = frozenset(_AFTER_HIM.split())
# Before either: "found her husband", "found her unconscious".
_EITHER = re.compile(
    r"\b(?:found|finds?|finding|render\w*|g[ai]ves?|given|giving|ke(?:ep|eps|eping|pt)|ma(?:ke|kes|king|de)|lets?|"
    r"caus(?:e|es|ing)|costs?|overheard|help(?:s|ed|ing)?|ask(?:s|ed)?|offer(?:s|ed)?|prescribed|s(?:ent|how|howed)) $",
    re.IGNORECASE,
)


def masculine(after: str) -> str:
    """`his` or `him`, for a "her" that is followed by `after`: "his" before a noun phrase."""
    following = re.match(r"\s+[“\"‘]?([\w'’]+)", after)
    return "him" if following is None or following[1].lower() in _NOT_A_NOUN else "his"


def is_unclear(text: str) -> bool:
    """Whether a "her" may be a "his" or a "him" in the same place."""
    return any(
        _EITHER.search(text[: her.start()]) and masculine(text[her.end() :]) == "his" for her in _HER.finditer(text)
    )


def sex_of(word: str) -> str:
    """`male` or `female`, for a word that `WORD` finds."""
    return "male" if word in _MALE or word.lower() in _MALE else "female"
