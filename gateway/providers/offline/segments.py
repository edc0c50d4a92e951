"""Names in text without spaces: what is left between the small words, the values and what the tool itself speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.providers.offline.catalogue import OfferedTool
from gateway.providers.offline.values import Mention, joined_lists
from gateway.providers.offline.words import CJK, is_cjk, stem, words

_CHINESE = (
    r"请问|请|麻烦|帮我|帮忙|给我|替我|告诉我|我想要?|我要|想要?|需要|查一下|查一查|查询|查找|查看|查出|查|搜索|搜一下|搜|找一下|找出|找"
    r"|看一下|看看|一下|一份|一封|一个|一条|一张|一本|一篇|怎么样|怎样|如何|是多少|有多少|多少|是什么|什么|哪些|哪里|关于|有关"
    r"|(?:换算|兑换|转换|翻译|折合|改|换|转|译|设置?|更新)[成为到]|换算|兑换|转换|翻译|计算|折合|等于|以及|并且|然后|接着|最后|分别|各自|它们|之间"
    r"|发送[给到]?|发[给到]|寄给|保存[到为]|存[到入为]|写[入到]|读取|生成|创建|新建|提醒我?|总结|分析|获取|推荐|播放|列出|显示"
    r"|不超过|不少于|至少|最多|大约|以内|以下|以上|公里|标题|主题|内容|名称"
    r"|[的了把将从到至给和与及跟并再在是吗呢吧查搜找读写存订买算、。，？！：（）]"
)
_JAPANESE = (
    r"について|に関する|を調べて?|を検索して?|に(?:翻訳|変換|換算|保存|送信?)して?|(?:翻訳|変換|換算|保存|送信|検索|計算)して?|ください|教えて|調べて"
    r"|から|まで|[をにへがはでとのや、。？]|して|った|です|ます|ですか|何|どこ|いくら"
)
_KOREAN = (
    r"(?<=[가-힣])(?:에서|에게|으로|까지|부터|이랑|하고|[을를이가은는의에로와과도])(?=\s|$|[,.?!])"
    r"|해\s?(?:줘|주세요)|알려\s?(?:줘|주세요)|좀|다음|결과"
)
_SMALL = {
    "zh": re.compile(_CHINESE), "ja": re.compile(f"{_JAPANESE}"), "ko": re.compile(_KOREAN),
}  # fmt: skip
_RUN = re.compile(rf"[{CJK}]+(?:[A-Za-z0-9]+[{CJK}]*)*")
_FUNCTION = frozenset("的了把将从到至给和与及跟并再在是某个一这那个为或")


def segments(text: str, tool: OfferedTool, taken: Sequence[Mention]) -> list[Mention]:
    """Return the names a text without spaces holds beside the values already found, lists joined.

    Args:
        text: The clause.
        tool: What it speaks of itself is no name.
        taken: Values and references found before.
    """
    if not is_cjk(text):
        return []
    free = list(text)
    for start, end in [*((one.start, one.end) for one in taken), *_known(text, tool)]:
        free[start:end] = "\x01" * (end - start)
    left = _SMALL[_script(text)].sub(lambda match: "\x01" * len(match[0]), "".join(free))
    found = [Mention("name", match[0], match.start(), match.end()) for match in _RUN.finditer(left)]
    return joined_lists(text, [one for one in found if one.end - one.start > 1])


def _script(text: str) -> str:
    if re.search(r"[\uac00-\ud7af]", text):
        return "ko"
    return "ja" if re.search(r"[\u3040-\u30ff]", text) else "zh"


def _known(text: str, tool: OfferedTool) -> list[tuple[int, int]]:
    """Return the places of words that the tool uses of itself; a bigram across a small word is none."""
    own = tool.stems | {one for argument in tool.arguments for one in (*argument.name_stems, *argument.stems)}
    return [
        (word.start, word.end)
        for word in words(text)
        if (word.stem in own or stem(word.text) in own) and not _FUNCTION & set(text[word.start : word.end])
    ]
