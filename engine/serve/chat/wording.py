"""How people agree, refuse, name what they mean and say why, in a chat: patterns, in the languages people write in."""

from __future__ import annotations

import re

YES = (
    r"(?:yes|yeah|yep|yup|y|ok(?:ay)?|sure|approved?|accept(?:ed)?|agreed?|confirm(?:ed)?|proceed"
    r"|go ahead|go for it|do it"
    r"|allow(?:ed)?|lgtm|sounds good|fine(?: by me| with me)?|that'?s fine"
    r"|ja(?:wohl)?|genehmig(?:t|e|en)|best[aä]tig(?:t|e|en)|einverstanden|freigeben|in ordnung|mach(?: das| es)?"
    r"|oui|d['’]accord|j['’]approuve|approuve[rz]?|approuvée?|j['’]accepte|je confirme|confirme[rz]?|vas-y|allez-y"
    r"|s[ií]|apruebo|aprobar|aprobad[oa]|aprueba|de acuerdo|confirmo|confirmar|adelante|vale"
    r"|s[iì]|approvo|approva|va bene|confermo|sim|aprovo|aprovar|aprovado|akkoord|goedgekeurd|tak|evet"
    r"|да|одобряю|одобрить|согласен|согласна|подтверждаю"
    r"|是(?:的)?|好(?:的|吧)?|行|可以|同意|批准|确认|確認|没问题|沒問題|继续吧"
    r"|はい|ええ|承認(?:します|する)?|了解(?:です|しました)?|お願いします|いいです(?:よ)?|大丈夫です|許可(?:します)?"
    r"|네|예|응|승인(?:합니다|해|할게요)?|동의(?:합니다|해요)?|좋아요?|확인|허락(?:합니다)?)"
)
NO = (
    r"(?:no way|not (?:approved|ok|okay|good|allowed)|no|nope|nah|n|reject(?:ed)?|den(?:y|ied)"
    r"|refused?|declined?|disapproved?"
    r"|don['’]?t(?: do (?:it|that))?|do not(?: do (?:it|that))?"
    r"|nein|ablehnen|abgelehnt|lehne ab|nicht(?: machen)?|non|refuser|je refuse|rejette[rz]?|rejeté"
    r"|rechazo|rechazar|rechazad[oa]|rechaza|deniego|rifiuto|rifiuta|n[aã]o|rejeito|rejeitar|nee|afgewezen|nie|hayır"
    r"|нет|отклонить|отклоняю|отказать|不(?:行|要|可以|同意|批准|好)?|否|拒绝|拒絕|别(?:做|这样)?"
    r"|いいえ|いや|却下(?:します)?|拒否(?:します)?|だめ(?:です)?|やめて(?:ください)?|許可しません"
    r"|아니(?:요|오)?|거절(?:합니다)?|거부(?:합니다)?|안 ?돼요?|싫어요?)"
)
ALL = (
    r"(?:all|everything|both|them all|all of (?:them|it)|alle[ns]?|beide|alles|tout(?:es)?|tous"
    r"|les deux|todos?|todas|ambos|全部|都|所有|すべて|全て|全部を|모두|전부)"
)
ID = (
    r"[`#\"'(]*(?:(?:approval|step|nr\.?|no\.?|number|nummer|schritt|étape|paso|步骤"
    r"|第)\s*)?[`#\"'(]*(?P<{name}>[a-z]{{0,4}}\d+[a-z]?)[`\"')]*(?:号|番|번)?"
)
POLITE = (
    r"(?:[\s,.!。！、,]|please|bitte|s['’]il (?:vous|te) pla[iî]t|por favor|thanks?(?: you)?|danke|merci"
    r"|gracias|go ahead|do (?:it|that|this)|then|it|that|this|to|for|with|on|the|the run|the plan"
    r"|the step|plan|请|請|谢谢|吧|了|을|를|を|は|で|です|합니다|해 ?주세요|ください)*"
)
BECAUSE = re.compile(
    r"^(?:[\s,;:.!\-–—()，。；：、！]|because(?: of)?\b|since\b|as\b|weil\b|da\b|denn\b|parce qu(?:e\b|['’])"
    r"|car\b|porque\b|ya que\b|"
    r"perch[eé]\b|потому что|因为|因為|なぜなら|왜냐하면)+",
    re.IGNORECASE,
)
START = re.compile(
    rf"^[\s\W]*(?:(?:please|i|we|bitte|ich|je|yo)\s+)?(?:(?P<yes>{YES})|(?P<no>{NO}))(?![a-zà-ÿ0-9'’])", re.IGNORECASE
)
AGAIN = re.compile(rf"^{POLITE}{YES}(?![a-zà-ÿ0-9'’])", re.IGNORECASE)
NO_MATTER = re.compile(
    r"^\W*(?:no (?:problem|worries|objections?|issues?)|kein problem|pas de problème|(?:sin"
    r"|no hay) problema)",
    re.IGNORECASE,
)
EACH = re.compile(
    rf"(?:^|[\s,;.，；]|and|und|et)\s*{ID.format(name='at')}\s*[:：]?\s*(?:(?:{YES})"
    rf"|(?:{NO}))(?![a-zà-ÿ0-9])",
    re.IGNORECASE,
)
BY_ID = ID.format(name="id")
ID_FIRST = re.compile(
    rf"^\s*{BY_ID}\s*(?:을|를|은|는|を|は|[:：,\-–—]|\s)\s*(?:(?P<yes>{YES})|(?P<no>{NO}))(?![a-zà-ÿ0-9])",
    re.IGNORECASE,
)
IDS = re.compile(
    rf"^(?:[\s,&+、，]|and\b|to\b|for\b|on\b|und\b|für\b|et\b|pour\b|y\b|para\b|和|と)*{BY_ID}(?![\w])", re.IGNORECASE
)
EVERYTHING = re.compile(rf"^{POLITE}{ALL}(?![a-zà-ÿ])", re.IGNORECASE)
ALL_FIRST = re.compile(rf"^\W*{ALL}\W*(?=(?:{YES}|{NO})(?![a-z]))", re.IGNORECASE)
POLITELY = re.compile(rf"^{POLITE}$", re.IGNORECASE)
ORDINALS: tuple[tuple[str, int], ...] = (
    (r"first|erste[nrs]?|premi(?:er|ère)|primer[oa]?|第一个?|最初|첫 ?번째", 0),
    (r"second|zweite[nrs]?|deuxième|second[eo]?|segund[oa]|第二个?|二番目|두 ?번째", 1),
    (r"third|dritte[nrs]?|troisième|tercer[oa]?|第三个?|三番目|세 ?번째", 2),
    (r"last|letzte[nrs]?|dernière?|últim[oa]|最后一?个?|最後|마지막", -1),
)
ORDINAL = re.compile(
    r"^\s*(?:the|den|die|das|le|la|el)?\s*(?:"
    + "|".join(f"(?P<o{n}>{words})" for n, (words, _) in enumerate(ORDINALS))
    + r")(?:\s+(?:one|approval|step|request))?(?![a-zà-ÿ])",
    re.IGNORECASE,
)
CLAUSE = re.compile(rf"(?:^|[\s,;.，；]|and|und|et)\s*(?:(?:{YES})|(?:{NO}))\s+{ID.format(name='at')}", re.IGNORECASE)
EDITING = re.compile(
    r"^(?:[\s,;:.!\-–—，]|but\b|with\b|and\b|please\b|edit(?:ed)?\b|change\b|set\b|use\b|using\b|make\b"
    r"|the\b|aber\b|mit\b"
    r"|und\b|avec\b|mais\b|con\b|pero\b|但|把|将|用|ただし)*",
    re.IGNORECASE,
)
EDIT_FIRST = re.compile(r"^\W*(?:edit|change|set|ändere|modifie[rz]?|cambia|修改|変更)\b\s*", re.IGNORECASE)
HAPPENED = re.compile(
    r"^\W*(?:it (?:was |has )?(?:happened|been done|done|worked|went through)|(?:already )?done|it did happen|happened"
    r"|(?:es ist )?(?:passiert|erledigt|geschehen)|c['’]est fait|fait|hecho|ya está hecho|已完成|完成了"
    r"|已经(?:完成|执行)了?|完了(?:しました)?|완료(?:됨|했습니다)?)"
    r"(?:\s+(?:with|result|mit|avec)\b)?\s*[:,.=]?\s*(?P<result>.*)$",
    re.IGNORECASE | re.DOTALL,
)
RUN_IT = re.compile(
    r"^\W*(?:run it(?: again)?|run again|retry|again|do it again|it (?:did not|didn['’]t) happen"
    r"|(?:it was )?not done|nochmal(?: ausführen)?"
    r"|es ist nicht passiert|nicht passiert|relancer?|recommence|ce n['’]est pas fait|ejecútalo"
    r"|otra vez|no ocurrió|重新执行|重试|没有发生|もう一度|再実行|다시 실행)[\s.!]*$",
    re.IGNORECASE,
)
NO_ANSWER = re.compile(
    r"^\W*(?:no answer|skip(?: (?:it|this|the question))?|decline|i (?:won['’]t"
    r"|don['’]t want to) (?:answer|say)|keine antwort|überspringen"
    r"|passer?|pas de réponse|omitir|sin respuesta|跳过|不回答|スキップ|건너뛰기)[\s.!]*$",
    re.IGNORECASE,
)
