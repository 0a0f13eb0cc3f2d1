"""Unicode, as far as cleaning needs it: families of code points, written as insides of regular-expression classes.

Lives only here: which characters are invisible, which give an invisible one its meaning, and which are look-alikes.
Data without decisions; `characters.py` decides. Written out rather than taken from `unicodedata` because the answer
must not change with the Python it runs on (an emoji newer than Python's tables is still an emoji).
"""

from typing import Final

# -- always removed ---------------------------------------------------------------------------------------------------

ASCII_CONTROL: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
CONTROL: Final = ASCII_CONTROL + "\x80-\x84\x86-\x9f"
LINE_SEPARATOR: Final = "\u0085\u2028\u2029"
BIDI_EMBEDDING: Final = "\u202a-\u202e"
INVISIBLE: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
"""Soft hyphen, fillers, joiners of words and operators, byte-order mark, and what Unicode reserves to be ignored."""
NONCHARACTER: Final = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17)
)
SURROGATE: Final = "\ud800-\udfff"

# -- removed unless a neighbour gives them a meaning --------------------------------------------------------------------

TAG: Final = "\U000e0000-\U000e007f"
SELECTOR: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
JOINER: Final = "\u200b-\u200d"
BRAILLE_BLANK: Final = "\u2800"
MARK: Final = "\u061c\u200e\u200f"
ISOLATE: Final = "\u2066-\u2069"
PRIVATE: Final = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"

TRIGGER: Final = (
    CONTROL + LINE_SEPARATOR + BIDI_EMBEDDING + INVISIBLE + NONCHARACTER
    + TAG + SELECTOR + JOINER + BRAILLE_BLANK + MARK + ISOLATE + PRIVATE
)  # fmt: skip
"""Every character that cleaning may touch or tell, but surrogates and the carriage return."""

# -- neighbours ---------------------------------------------------------------------------------------------------------

EMOJI: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    "\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767"
    "\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f"
    "\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    "\U0001f8ae-\U0001f8ff\U0001f90c-\U0001faff\U0001fc00-\U0001fffd"
)
"""Extended_Pictographic, unassigned reserves included, and the skin tones."""
SYMBOL: Final = (
    EMOJI + "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f1e6-\U0001f1ff"
)
IDEOGRAPH: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
CJK_PUNCTUATION: Final = "\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b\uff1f"
OPERATOR: Final = "\u2200-\u22ff\u2a00-\u2aff"
MONGOLIAN: Final = "\u1807\u1820-\u18aa"
MYANMAR: Final = "\u1000-\u109f\uaa60-\uaa7f"
PHAGS_PA: Final = "\ua840-\ua877"
CURSIVE: Final = (
    "\u0610-\u061a\u0620-\u06ff\u0700-\u07ff\u0840-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1807"
    "\u1820-\u18aa\u1b00-\u1b7f\ua840-\ua877\ua8e0-\ua8ff\ua980-\ua9ff\uaa60-\uaa7f\ufb50-\ufdcf\ufdf0-\ufdff"
    "\ufe70-\ufefc\U00010a00-\U00010a5f\U00011000-\U000114ff"
)
"""Scripts in which ZWJ and ZWNJ choose letter forms: Arabic, Syriac, N'Ko, Indic, Myanmar, Khmer, Mongolian, ..."""
VIRAMA: Final = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u1039\u103a\u17d2\u1b44\ua9c0"
UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1950-\u19df\u1a20-\u1aaf\uaa60-\uaadf"
"""Scripts written without spaces, in which ZWSP marks where a line may break."""
RIGHT_TO_LEFT: Final = "\u0590-\u0605\u0608-\u061b\u061d-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"

# -- look-alikes ----------------------------------------------------------------------------------------------------------

LATIN: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
LOOKALIKE: Final = (
    "\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b3\u03b5\u03b7\u03b9\u03ba"
    "\u03bd\u03bf\u03c1\u03c3-\u03c5\u03c7\u03c9\u03f2\u03f3"
    "\u0401\u0405\u0406-\u0408\u0410\u0412\u0415\u0417\u041a\u041c-\u041e\u0420-\u0423\u0425\u042c\u0430\u0432\u0433"
    "\u0435\u043a\u043c-\u043f\u0440-\u0443\u0445\u044c\u0451\u0455-\u0458\u0475\u0491\u04ae\u04af\u04bb\u04c0\u04cf"
    "\u04d5\u0501\u050c\u050d\u051a-\u051d"
    "\u0555\u054d\u0561\u0563\u0566\u0570\u0575\u0578\u057a\u057c\u057d\u0581\u0585"
    "\u13a0-\u13f5\uab70-\uabbf\u1d00-\u1d2b\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f\u0251\u0261\u0269\ua731"
    "\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7cb"
)
"""Greek, Cyrillic, Armenian and Cherokee letters that pass for Latin ones, small capitals, fullwidth, mathematical."""
STYLED: Final = "\u1d00-\u1d2b\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f\ua731\ua730\u24b6-\u24e9\U0001d400-\U0001d7cb\U0001f130-\U0001f189"
"""Letters of no language: mathematical, small-capital and enclosed Latin. Three in a row are dressed-up Latin words."""
