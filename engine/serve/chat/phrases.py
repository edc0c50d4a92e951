"""The sentences that an assistant says of itself, in the language of who it talks to."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.offline.language import language_of


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences in one language. ``{…}`` is filled in.

    Attributes:
        agree, agree_plan, doubt, asks: Why the run waits: for consent to a call, to a plan; whether something happened;
            for an answer.
        dry_run: Heads the result of a dry run.
        estimate: What running the plan would take.
        until_reject, until_approve: What is taken when nobody answers until then.
        how, how_each, how_doubt, how_form: How to answer.
        which, unknown, condition, happened, form: Why an answer was not taken.
        nothing: There is nothing to answer.
        still: The run still waits.
        going, planning, writing: Where a run stands.
        busy: Several runs go on.
        run: Names the run.
    """

    agree: str
    agree_plan: str
    doubt: str
    asks: str
    dry_run: str
    estimate: str
    until_reject: str
    until_approve: str
    how: str
    how_each: str
    how_doubt: str
    how_form: str
    which: str
    unknown: str
    condition: str
    happened: str
    form: str
    nothing: str
    still: str
    going: str
    planning: str
    writing: str
    busy: str
    run: str


_PHRASES = {
    "en": Phrases(
        agree="I need your approval before I call **{tool}**",
        agree_plan="I need your approval of this plan before I start",
        doubt="I was interrupted while **{tool}** was being called, and do not know whether it happened",
        asks="I need an answer from you",
        dry_run="Dry run:",
        estimate="Estimate: {estimate}",
        until_reject="Without an answer until {when} it counts as refused.",
        until_approve="Without an answer until {when} it counts as approved.",
        how="Reply `approve`, or `no` and why. To change a value: `approve with {name} …`.",
        how_each="Reply to each by its id: `approve {first}`, `no {second}, because …`, or `approve all`.",
        how_doubt="Reply `done` if it happened, `run it` if it did not, `stop` to end.",
        how_form="Reply with: {fields}.",
        which="Several things wait, so I need to know which one you mean: {ids}.",
        unknown="There is nothing to answer under `{what}`. Waiting: {ids}.",
        condition="I did not take that as a yes, since it says more than that.",
        happened="I need to know whether it happened, not only yes or no.",
        form="That does not fit what is asked for.",
        nothing="Nothing is waiting for an answer here.",
        still="I am still waiting:",
        going="I am working on it: {done} of {all} steps done. Now: {now}.",
        planning="I am still planning.",
        writing="All {all} steps are done; I am writing the answer.",
        busy="Several of your requests are still running: {ids}. Please say which one you mean.",
        run="Run",
    ),
    "de": Phrases(
        agree="Ich brauche Ihre Zustimmung, bevor ich **{tool}** aufrufe",
        agree_plan="Ich brauche Ihre Zustimmung zu diesem Plan, bevor ich beginne",
        doubt="Ich wurde unterbrochen, während **{tool}** aufgerufen wurde, und weiß nicht, ob es geschehen ist",
        asks="Ich brauche eine Antwort von Ihnen",
        dry_run="Probelauf:",
        estimate="Schätzung: {estimate}",
        until_reject="Ohne Antwort bis {when} gilt es als abgelehnt.",
        until_approve="Ohne Antwort bis {when} gilt es als genehmigt.",
        how="Antworten Sie `ja`, oder `nein` und warum. Um einen Wert zu ändern: `ja, mit {name} …`.",
        how_each="Antworten Sie je Kennung: `ja {first}`, `nein {second}, weil …`, oder `alle genehmigen`.",
        how_doubt="Antworten Sie `erledigt`, wenn es geschehen ist, `nochmal`, wenn nicht, `stopp`, um zu beenden.",
        how_form="Antworten Sie mit: {fields}.",
        which="Mehreres wartet; ich muss wissen, was gemeint ist: {ids}.",
        unknown="Unter `{what}` wartet nichts. Es warten: {ids}.",
        condition="Das habe ich nicht als Ja genommen, denn es sagt mehr als das.",
        happened="Ich muss wissen, ob es geschehen ist, nicht nur ja oder nein.",
        form="Das passt nicht zu dem, was gefragt ist.",
        nothing="Hier wartet nichts auf eine Antwort.",
        still="Ich warte noch:",
        going="Ich bin dabei: {done} von {all} Schritten erledigt. Gerade: {now}.",
        planning="Ich plane noch.",
        writing="Alle {all} Schritte sind erledigt; ich schreibe die Antwort.",
        busy="Mehrere Ihrer Aufträge laufen noch: {ids}. Bitte sagen Sie, welcher gemeint ist.",
        run="Lauf",
    ),
    "fr": Phrases(
        agree="J'ai besoin de votre accord avant d'appeler **{tool}**",
        agree_plan="J'ai besoin de votre accord sur ce plan avant de commencer",
        doubt="J'ai été interrompu pendant l'appel de **{tool}** et ne sais pas s'il a eu lieu",
        asks="J'ai besoin d'une réponse de votre part",
        dry_run="Essai à blanc :",
        estimate="Estimation : {estimate}",
        until_reject="Sans réponse d'ici {when}, ce sera un refus.",
        until_approve="Sans réponse d'ici {when}, ce sera un accord.",
        how="Répondez `oui`, ou `non` et pourquoi. Pour changer une valeur : `oui, avec {name} …`.",
        how_each="Répondez par identifiant : `oui {first}`, `non {second}, parce que …`, ou `approuve tout`.",
        how_doubt="Répondez `c'est fait` s'il a eu lieu, `relance` sinon, `stop` pour arrêter.",
        how_form="Répondez avec : {fields}.",
        which="Plusieurs demandes attendent ; laquelle ? {ids}.",
        unknown="Rien n'attend sous `{what}`. En attente : {ids}.",
        condition="Je ne l'ai pas pris pour un oui, car cela en dit plus.",
        happened="Je dois savoir si cela a eu lieu, pas seulement oui ou non.",
        form="Cela ne correspond pas à ce qui est demandé.",
        nothing="Rien n'attend de réponse ici.",
        still="J'attends encore :",
        going="J'y travaille : {done} étapes sur {all} terminées. En cours : {now}.",
        planning="Je prépare encore le plan.",
        writing="Les {all} étapes sont terminées ; je rédige la réponse.",
        busy="Plusieurs de vos demandes sont en cours : {ids}. Laquelle voulez-vous dire ?",
        run="Exécution",
    ),
    "es": Phrases(
        agree="Necesito su aprobación antes de llamar a **{tool}**",
        agree_plan="Necesito su aprobación de este plan antes de empezar",
        doubt="Fui interrumpido mientras se llamaba a **{tool}** y no sé si ocurrió",
        asks="Necesito una respuesta suya",
        dry_run="Simulación:",
        estimate="Estimación: {estimate}",
        until_reject="Sin respuesta hasta {when} se considera rechazado.",
        until_approve="Sin respuesta hasta {when} se considera aprobado.",
        how="Responda `sí`, o `no` y por qué. Para cambiar un valor: `sí, con {name} …`.",
        how_each="Responda a cada uno por su id: `sí {first}`, `no {second}, porque …`, o `aprobar todo`.",
        how_doubt="Responda `hecho` si ocurrió, `otra vez` si no, `alto` para terminar.",
        how_form="Responda con: {fields}.",
        which="Hay varias cosas pendientes; ¿cuál quiere decir? {ids}.",
        unknown="No hay nada pendiente con `{what}`. Pendientes: {ids}.",
        condition="No lo he tomado como un sí, porque dice algo más.",
        happened="Necesito saber si ocurrió, no solo sí o no.",
        form="Eso no encaja con lo que se pide.",
        nothing="Aquí no hay nada pendiente de respuesta.",
        still="Sigo esperando:",
        going="Estoy en ello: {done} de {all} pasos hechos. Ahora: {now}.",
        planning="Todavía estoy planificando.",
        writing="Los {all} pasos están hechos; escribo la respuesta.",
        busy="Varias de sus peticiones siguen en curso: {ids}. ¿Cuál quiere decir?",
        run="Ejecución",
    ),
    "zh": Phrases(
        agree="调用 **{tool}** 之前需要您的批准",
        agree_plan="开始之前需要您批准这个计划",
        doubt="调用 **{tool}** 时被中断, 不知道它是否已经执行",
        asks="需要您的回答",
        dry_run="试运行:",
        estimate="估计: {estimate}",
        until_reject="{when} 之前没有回答即视为拒绝。",
        until_approve="{when} 之前没有回答即视为批准。",
        how="请回复“同意”, 或“不同意”并说明原因。要修改某个值: `同意 {name} …`。",
        how_each="请按编号回复: “同意 {first}”, “拒绝 {second}, 因为…”, 或“全部同意”。",
        how_doubt="已执行请回复“已完成”, 未执行请回复“重新执行”, 结束请回复“停止”。",
        how_form="请回复: {fields}。",
        which="有多项在等待, 请说明是哪一项: {ids}。",
        unknown="`{what}` 没有等待的内容。等待中: {ids}。",
        condition="您的话不只是同意, 所以没有当作批准。",
        happened="需要知道它是否已经执行, 而不只是是或否。",
        form="这与所问的不符。",
        nothing="这里没有等待回答的内容。",
        still="仍在等待:",
        going="正在处理: {all} 步中已完成 {done} 步。现在: {now}。",
        planning="还在制定计划。",
        writing="{all} 步都已完成, 正在写答案。",
        busy="您有多个请求仍在运行: {ids}。请说明是哪一个。",
        run="运行",
    ),
    "ja": Phrases(
        agree="**{tool}** を呼び出す前に承認が必要です",
        agree_plan="始める前にこの計画の承認が必要です",
        doubt="**{tool}** の呼び出し中に中断され、実行されたかどうか分かりません",
        asks="お答えが必要です",
        dry_run="試行結果:",
        estimate="見積もり: {estimate}",
        until_reject="{when} までに回答がなければ却下とみなします。",
        until_approve="{when} までに回答がなければ承認とみなします。",
        how="「承認」または「いいえ」と理由をお答えください。値を変えるには: `承認 {name} …`。",
        how_each="番号ごとにお答えください: 「承認 {first}」「却下 {second} 理由…」、または「すべて承認」。",
        how_doubt="実行済みなら「完了」、まだなら「再実行」、終えるなら「中止」とお答えください。",
        how_form="次の内容をお答えください: {fields}。",
        which="複数の件が待っています。どれのことですか: {ids}。",
        unknown="`{what}` に待っている件はありません。待っている件: {ids}。",
        condition="条件が付いているため、承認とはみなしませんでした。",
        happened="実行されたかどうかをお答えください。",
        form="求められている内容と合いません。",
        nothing="ここでは何も回答を待っていません。",
        still="まだ待っています:",
        going="作業中です: {all} ステップ中 {done} 完了。現在: {now}。",
        planning="まだ計画中です。",
        writing="{all} ステップすべて完了し、回答を書いています。",
        busy="複数の依頼が実行中です: {ids}。どれのことかお知らせください。",
        run="実行",
    ),
    "ko": Phrases(
        agree="**{tool}** 호출 전에 승인이 필요합니다",
        agree_plan="시작하기 전에 이 계획의 승인이 필요합니다",
        doubt="**{tool}** 호출 중에 중단되어 실행되었는지 알 수 없습니다",
        asks="답변이 필요합니다",
        dry_run="시험 실행:",
        estimate="예상: {estimate}",
        until_reject="{when}까지 답이 없으면 거절로 간주합니다.",
        until_approve="{when}까지 답이 없으면 승인으로 간주합니다.",
        how="`승인` 또는 `아니요`와 이유를 답해 주세요. 값을 바꾸려면: `승인 {name} …`.",
        how_each="번호별로 답해 주세요: `승인 {first}`, `거절 {second} 이유…`, 또는 `모두 승인`.",
        how_doubt="실행되었으면 `완료`, 아니면 `다시 실행`, 끝내려면 `중지`라고 답해 주세요.",
        how_form="다음을 답해 주세요: {fields}.",
        which="여러 건이 기다리고 있습니다. 어느 것인가요: {ids}.",
        unknown="`{what}`에 기다리는 것이 없습니다. 대기 중: {ids}.",
        condition="조건이 붙어 있어 승인으로 보지 않았습니다.",
        happened="실행되었는지를 알려 주세요.",
        form="요청한 내용과 맞지 않습니다.",
        nothing="여기서 답을 기다리는 것이 없습니다.",
        still="아직 기다리고 있습니다:",
        going="작업 중입니다: {all}단계 중 {done}단계 완료. 현재: {now}.",
        planning="아직 계획 중입니다.",
        writing="{all}단계가 모두 끝났고 답을 쓰고 있습니다.",
        busy="여러 요청이 실행 중입니다: {ids}. 어느 것인지 알려 주세요.",
        run="실행",
    ),
}


def phrases_for(text: str) -> Phrases:
    """Return the sentences in the language of a text; English where it is none of ours."""
    return _PHRASES[language_of(text)]
