"""What a run does, in a sentence an event, in the language of its task: what a person reads before the answer is there.

Only what a person wants to know is told. What tools and models said stands in it as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.sinks.sentences import triggers_text
from engine.sinks.words import input_text, moment, one_line, seconds, shortened, value_text
from engine.synth.language import Language, language_of
from schemas import events
from schemas.events import LoggedEvent
from schemas.instructions import newest

_WIDTH = 200


@dataclass(frozen=True, slots=True)
class _Words:
    """Sentences of one language; ``{…}`` are filled in."""

    planning: str
    anew: str
    plan: str
    started: str
    done: str
    failed: str
    again: str
    waits: str
    asks: str
    goal: str
    note: str
    then: str
    begins_anew: str
    stop: str = "."
    comma: str = ", "


_WORDS: Mapping[Language, _Words] = {
    "en": _Words(
        planning="Making a plan",
        anew="Planning anew: {why}",
        plan="The plan: {steps}",
        started="Step {id}: {what}",
        done="Step {id} is done ({time}): {value}",
        failed="Step {id} failed: {why}",
        again="Step {id} failed, trying again: {why}",
        waits="Waiting until {time}: {why}",
        asks="Step {id} waits for an answer: {what}",
        goal="The task is now: {task}",
        note="Note: {text}",
        then="Going on differently: {why}",
        begins_anew="(The answer begins anew.)",
    ),
    "de": _Words(
        planning="Ein Plan wird gemacht",
        anew="Es wird neu geplant: {why}",
        plan="Der Plan: {steps}",
        started="Schritt {id}: {what}",
        done="Schritt {id} ist fertig ({time}): {value}",
        failed="Schritt {id} ist fehlgeschlagen: {why}",
        again="Schritt {id} ist fehlgeschlagen, neuer Versuch: {why}",
        waits="Es wird bis {time} gewartet: {why}",
        asks="Schritt {id} wartet auf eine Antwort: {what}",
        goal="Die Aufgabe ist jetzt: {task}",
        note="Hinweis: {text}",
        then="Es geht anders weiter: {why}",
        begins_anew="(Die Antwort beginnt neu.)",
    ),
    "fr": _Words(
        planning="Préparation d'un plan",
        anew="Nouveau plan : {why}",
        plan="Le plan : {steps}",
        started="Étape {id} : {what}",
        done="L'étape {id} est terminée ({time}) : {value}",
        failed="L'étape {id} a échoué : {why}",
        again="L'étape {id} a échoué, nouvel essai : {why}",
        waits="Attente jusqu'à {time} : {why}",
        asks="L'étape {id} attend une réponse : {what}",
        goal="La tâche est maintenant : {task}",
        note="Remarque : {text}",
        then="Suite par une autre voie : {why}",
        begins_anew="(La réponse recommence.)",
    ),
    "es": _Words(
        planning="Preparando un plan",
        anew="Nuevo plan: {why}",
        plan="El plan: {steps}",
        started="Paso {id}: {what}",
        done="El paso {id} ha terminado ({time}): {value}",
        failed="El paso {id} ha fallado: {why}",
        again="El paso {id} ha fallado, se intenta de nuevo: {why}",
        waits="Esperando hasta {time}: {why}",
        asks="El paso {id} espera una respuesta: {what}",
        goal="La tarea es ahora: {task}",
        note="Nota: {text}",
        then="Se sigue de otra manera: {why}",
        begins_anew="(La respuesta empieza de nuevo.)",
    ),
    "zh": _Words(
        planning="正在制定计划",
        anew="重新制定计划：{why}",
        plan="计划：{steps}",
        started="步骤 {id}：{what}",
        done="步骤 {id} 已完成（{time}）：{value}",
        failed="步骤 {id} 失败：{why}",
        again="步骤 {id} 失败，正在重试：{why}",
        waits="等待至 {time}：{why}",
        asks="步骤 {id} 正在等待答复：{what}",
        goal="任务现在是：{task}",
        note="提示：{text}",
        then="改用其他方式继续：{why}",
        begins_anew="（回答重新开始。）",
        stop="。",
        comma="、",
    ),
    "ja": _Words(
        planning="計画を立てています",
        anew="計画を立て直します：{why}",
        plan="計画：{steps}",
        started="ステップ {id}：{what}",
        done="ステップ {id} が完了しました（{time}）：{value}",
        failed="ステップ {id} は失敗しました：{why}",
        again="ステップ {id} は失敗したため再試行します：{why}",
        waits="{time} まで待ちます：{why}",
        asks="ステップ {id} は回答を待っています：{what}",
        goal="現在のタスク：{task}",
        note="注意：{text}",
        then="別の方法で続けます：{why}",
        begins_anew="（回答を最初から書き直します。）",
        stop="。",
        comma="、",
    ),
    "ko": _Words(
        planning="계획을 세우는 중입니다",
        anew="계획을 다시 세웁니다: {why}",
        plan="계획: {steps}",
        started="단계 {id}: {what}",
        done="단계 {id} 완료 ({time}): {value}",
        failed="단계 {id} 실패: {why}",
        again="단계 {id} 실패, 다시 시도합니다: {why}",
        waits="{time}까지 기다립니다: {why}",
        asks="단계 {id}에서 답변을 기다립니다: {what}",
        goal="이제 작업은 다음과 같습니다: {task}",
        note="참고: {text}",
        then="다른 방식으로 계속합니다: {why}",
        begins_anew="(답변을 처음부터 다시 시작합니다.)",
    ),
}


class Narrator:
    """Tells what a run does.

    Args:
        task: In whose language.

    Attributes:
        given: The run's plan is no planner's: it was given, or the task goes to one agent as it is.
    """

    def __init__(self, task: str) -> None:
        self._words = _WORDS[language_of(task)]
        self._said: dict[str, str] = {}
        self.given = False

    @property
    def begins_anew(self) -> str:
        """What stands between an answer that broke off and the one that is written instead."""
        return self._words.begins_anew

    def sentence(self, event: LoggedEvent) -> str:
        """Return a sentence, with its line's end; empty for what nobody needs to be told.

        >>> Narrator("Was kostet das?").sentence(events.PlanStarted())
        'Ein Plan wird gemacht.\\n'
        """
        tell = _TOLD.get(event.kind)
        told = "" if tell is None else one_line(tell(self, self._words, event))
        if not told:
            return ""
        return f"{told}\n" if told.endswith((".", "。", "!", "?", "…", ")")) else f"{told}{self._words.stop}\n"

    def learn(self, step_id: str, description: str | None) -> None:
        """Remember how the plan describes a step in words."""
        if description:
            self._said[step_id] = description

    def what(self, step_id: str, tool: str, arguments: Mapping[str, Any] | None) -> str:
        """Return what a step does: as the plan says it, else its tool and input."""
        said = self._said.get(step_id.partition("[")[0])
        return shortened(said or f"{tool} {input_text(arguments)}", _WIDTH)


def _run_started(narrator: Narrator, _: _Words, event: events.RunStarted) -> str:
    narrator.given = event.plan is not None
    return ""


def _plan_started(narrator: Narrator, words: _Words, event: events.PlanStarted) -> str:
    return words.planning if event.revision == 1 and event.mode == "plan" and not narrator.given else ""


def _replan_started(_: Narrator, words: _Words, event: events.ReplanStarted) -> str:
    told = event.triggers and all(one.kind == "goal_changed" for one in event.triggers)  # the new goal was just told
    return "" if told else words.anew.format(why=triggers_text(event.triggers))


def _plan_accepted(narrator: Narrator, words: _Words, event: events.PlanAccepted) -> str:
    for step in event.plan.steps:
        narrator.learn(step.id, step.description)
    names = [step.description or step.tool for step in event.plan.steps]
    return words.plan.format(steps=words.comma.join(names)) if len(names) > 1 else ""


def _plan_step(narrator: Narrator, _: _Words, event: events.PlanStep) -> str:
    narrator.learn(event.step.id, event.step.description)
    return ""


def _step_started(narrator: Narrator, words: _Words, event: events.StepStarted) -> str:
    return words.started.format(id=event.step_id, what=narrator.what(event.step_id, event.tool, event.input))


def _step_ended(_: Narrator, words: _Words, event: events.StepEnded) -> str:
    result = event.result
    if result.status == "done":
        value = result.artifact.preview if result.artifact else value_text(result.value)
        took = seconds(result.duration_s)
        return words.done.format(id=event.step_id, time=took, value=shortened(value, _WIDTH))
    if result.status == "failed" and result.error is not None:
        return words.failed.format(id=event.step_id, why=result.error.message)
    return ""


def _step_retried(_: Narrator, words: _Words, event: events.StepRetried) -> str:
    return words.again.format(id=event.step_id, why=event.error.message)


def _postponed(_: Narrator, words: _Words, event: events.StepPostponed | events.PlanningPostponed) -> str:
    return words.waits.format(time=moment(event.until), why=event.reason)


def _approval_requested(narrator: Narrator, words: _Words, event: events.ApprovalRequested) -> str:
    if event.step_id is None or event.subject == "client_tool":
        return ""
    what = event.question or narrator.what(event.step_id, event.tool, event.input)
    return words.asks.format(id=event.step_id, what=what)


def _goal_changed(_: Narrator, words: _Words, event: events.GoalChanged) -> str:
    return words.goal.format(task=shortened(newest(event.task), _WIDTH))


def _mode_changed(_: Narrator, words: _Words, event: events.ModeChanged) -> str:
    return words.then.format(why=event.reason)


def _noted(_: Narrator, words: _Words, event: events.Warned | events.BudgetExhausted) -> str:
    ours = isinstance(event, events.Warned) and event.code == "assistant"  # for who configures it
    return words.note.format(text=event.message) if event.message and not ours else ""


_TOLD: Mapping[str, Callable[[Narrator, _Words, Any], str]] = {
    "run_started": _run_started,
    "plan_started": _plan_started,
    "replan_started": _replan_started,
    "plan_step": _plan_step,
    "plan_accepted": _plan_accepted,
    "step_started": _step_started,
    "step_ended": _step_ended,
    "step_retried": _step_retried,
    "step_postponed": _postponed,
    "planning_postponed": _postponed,
    "approval_requested": _approval_requested,
    "goal_changed": _goal_changed,
    "mode_changed": _mode_changed,
    "budget_exhausted": _noted,
    "warning": _noted,
}
