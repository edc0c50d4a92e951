"""What a message wants of a run that goes on: that it stops, that it tells how far it is, that it simply goes on."""

from __future__ import annotations

import re
from typing import Literal

Wish = Literal["stop", "status", "on", "other"]
_LONGEST = 80

_EDGE = r"[\s.,!?。、！？…'\"]*"
_PLEASE = (
    r"(?:please|bitte|s['’]il (?:vous|te) pla[iî]t|por favor|per favore|请|請|now|jetzt|maintenant|ahora"
    r"|ok(?:ay)?|no|hey)"
)
_STOP = re.compile(
    rf"{_EDGE}(?:{_PLEASE}{_EDGE})*(?:stop|cancel|abort|halt|quit|never ?mind|forget (?:it|about it)|that['’]?s enough"
    r"|enough|kill it|(?:stop|cancel|abort) (?:it|that|this|everything|all|the (?:run|task|plan|work)|working|now)"
    r"|stopp|abbrechen|brich (?:das |es )?ab|aufh[oö]ren|h[oö]r auf|anhalten|vergiss es|storniere(?:n)?"
    r"|arr[eê]te[rz]?(?: tout| ça)?|annule[rz]?|laisse(?:z)? tomber|stoppe[rz]?"
    r"|para(?: ya)?|detente|det[eé]n(?:te|lo)?|cancela[r]?(?:lo)?|alto|olv[ií]dalo|d[eé]jalo|ferma(?:ti)?|annulla|basta"
    r"|pare|parar|cancele|esquece|стоп|остановись|отмена|отмени|хватит"
    r"|停(?:止|下)?|停下来|取消|算了|不用了|别做了|終止|终止|中止"
    r"|止めて(?:ください)?|やめて(?:ください)?|中止(?:して(?:ください)?)?|キャンセル(?:して(?:ください)?)?|ストップ"
    rf"|멈춰(?:요|주세요)?|중지(?:해(?:요|줘|주세요)?)?|취소(?:해(?:요|줘|주세요)?)?|그만(?:해(?:요)?)?)(?:{_EDGE}{_PLEASE})*{_EDGE}",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"\bhow far (?:are you|along|is it\W*$|have you|did you|is the (?:run|work|task))\b"
    r"|\b(?:what(?:['’]s| is) (?:the|your) )?(?:status|progress)\b\W*$|\bare you (?:done"
    r"|ready|finished|still (?:there|working|on it)"
    r"|there)\b|\bis it (?:done|ready|finished)\b|\bhow (?:much )?longer\b|\bhow long (?:will|does"
    r"|until)\b|\bany (?:news|update|progress)s?\b"
    r"|\bwhat are you doing\b|\bwhere are you (?:at|now)\b|\b(?:done|ready|finished) yet\b"
    r"|\bhow(?:['’]s| is) it going\b|\bstill (?:there|working)\W*$"
    r"|\bwie weit\b|\bwas machst du\b|\bbist du (?:fertig|noch da)\b|\bwie lange (?:noch|dauert)\b"
    r"|\bfertig\W*\?|\bstand der dinge\b"
    r"|\bo[uù] en es[t-]|\btu en es o[uù]\b|\bc['’]est (?:fini|pr[eê]t)\b|\bcombien de temps\b"
    r"|\bque fais-tu\b|\bavancement\b"
    r"|\bc[oó]mo va(?:s)?\b|\bya (?:est[aá]|terminaste)\b|\bcu[aá]nto falta\b"
    r"|\bqu[eé] est[aá]s haciendo\b|\bestado\b\W*\?"
    r"|\ba che punto\b|\bquanto manca\b|\bcomo (?:est[aá]|vai)\b|\bкак (?:дела|продвигается)\b"
    r"|\bдолго ещё\b|\bготово\W*\?"
    r"|进度|進度|进展|進展|多久|好了(?:吗|嗎|没)|完成了(?:吗|嗎)|到哪(?:了|一步)|在(?:做|干)(?:什么|嘛|吗)|怎么样了"
    r"|進捗|どこまで|まだですか|終わりました|終わった|いつ終わ|あとどれ|何をして"
    r"|진행|어디까지|얼마나 (?:걸|남)|끝났|다 됐|뭐 하고",
    re.IGNORECASE,
)
_ON = re.compile(
    rf"{_EDGE}(?:{_PLEASE}{_EDGE})*(?:continue|go on|carry on|keep going|resume|wait|i(?:['’]ll"
    rf"| will) wait|ok(?:ay)?|thanks?(?: you)?|thx|great|good|cool"
    r"|nice|perfect|fine|all right|alright|weiter|weitermachen|mach weiter|ich warte|danke|gut|super"
    r"|continuez?|poursui(?:s|vez)|j['’]attends|merci"
    r"|contin[uú]a|sigue|adelante|espero|gracias|bien|vale|avanti|grazie|obrigad[oa]|продолжай|спасибо"
    rf"|继续|繼續|好(?:的)?|谢谢|謝謝|等一下|続けて(?:ください)?|ありがとう(?:ございます)?|はい|待ちます|계속(?:해(?:요|줘|주세요)?)?|감사합니다|고마워요?"
    rf"|네)(?:{_EDGE}{_PLEASE})*{_EDGE}",
    re.IGNORECASE,
)


def wish(message: str) -> Wish:
    """Return what a message wants of a run that goes on; other: it is a goal of its own, or changes that of the run.

    >>> [wish(text) for text in ("stop!", "How far are you?", "weiter", "stop using Bing", "also look for Bob")]
    ['stop', 'status', 'on', 'other', 'other']
    """
    text = message.strip()
    if len(text) > _LONGEST:
        return "other"
    if _STOP.fullmatch(text):
        return "stop"
    if _ON.fullmatch(text):
        return "on"
    return "status" if _STATUS.search(text) and len(text.split()) <= 9 else "other"
