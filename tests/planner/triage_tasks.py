"""Labelled tasks for the triage: our own, in English, Chinese, Japanese and Korean. Every second one is held out.

A label is what a person who knows the tools would choose: ``direct`` where no tool helps, ``react`` where each next
step depends on what the last one found, ``plan`` where the steps can be named beforehand.
"""

from __future__ import annotations

from schemas.tool import ToolSpec

_DESCRIPTIONS = {
    "get_weather": "The current weather of a city.",
    "calculate": "Work out an arithmetic expression exactly.",
    "web_search": "Search the web and return titles, addresses and excerpts.",
    "read_file": "Read the text of a file in the workspace.",
    "list_files": "List the files of a folder.",
    "run_query": "Run a SQL query over the tables of the database.",
    "quote": "The latest price of a share by its ticker symbol.",
    "send_email": "Send an email to a person.",
    "query_logs": "Return log lines of a service that match a text.",
    "restart_service": "Restart a service.",
}
_ASIAN = {
    "天气": "查询一个城市现在的天气",
    "计算": "精确计算一个算式",
    "搜索": "在网上搜索并返回标题和摘要",
    "天気": "都市の現在の天気を調べる",
    "検索": "ウェブを検索して見出しと抜粋を返す",
    "ログ": "サービスのログから一致する行を返す",
    "날씨": "도시의 현재 날씨를 조회한다",
    "검색": "웹을 검색하여 제목과 발췌를 돌려준다",
    "메일": "사람에게 이메일을 보낸다",
}
ALL = {
    **{name: ToolSpec(name=name, description=text) for name, text in _DESCRIPTIONS.items()},
    **{text: ToolSpec(name=f"tool_{number}", description=text) for number, text in enumerate(_ASIAN.values())},
}
OFFICE = "get_weather calculate quote send_email"
OPS = "query_logs restart_service run_query"
WEB = "web_search read_file calculate"
FILES = "read_file list_files calculate"
ZH = " ".join(text for key, text in _ASIAN.items() if key in ("天气", "计算", "搜索"))
ZH_WEATHER = _ASIAN["天气"]
JA = f"{_ASIAN['天気']} {_ASIAN['検索']}"
JA_OPS = f"{_ASIAN['ログ']} {_ASIAN['天気']}"
KO = "도시의"

TASKS: tuple[tuple[str, str, str], ...] = (
    # direct: chat, writing, general knowledge that no tool has to do with
    (OFFICE, "Hi, how are you today?", "direct"),
    (OFFICE, "Thank you so much, bye!", "direct"),
    (WEB, "Good morning!", "direct"),
    (OPS, "What can you do?", "direct"),
    (OFFICE, "Write a haiku about autumn leaves", "direct"),
    (WEB, "Tell me a joke about cats", "direct"),
    (OFFICE, "Translate 'where is the station' into French", "direct"),
    (OPS, "Rewrite this sentence more politely: give me the report now", "direct"),
    (FILES, "Explain recursion to a ten-year-old", "direct"),
    (OFFICE, "What is the difference between a cat and a dog?", "direct"),
    (OPS, "Give me three ideas for a birthday present for my mother", "direct"),
    (OFFICE, "Correct the grammar: she go to school yesterday", "direct"),
    (WEB, "Write a limerick about a programmer", "direct"),
    (OFFICE, "Make up a short bedtime story with a dragon", "direct"),
    (FILES, "Suggest a name for my new bakery", "direct"),
    (OPS, "Why is the sky blue?", "direct"),
    # plan: the steps can be named
    (OFFICE, "What is the weather in Oslo and in Bergen, and which one is warmer?", "plan"),
    (OFFICE, "Email Anna the latest price of AAPL", "plan"),
    (OFFICE, "What is 15% of 2,340?", "plan"),
    (WEB, "Who is the president of France, and how old is that person squared?", "plan"),
    (FILES, "Add up the amounts in invoices.csv", "plan"),
    (OPS, "How many orders were placed in March, and how many in April?", "plan"),
    (OFFICE, "Compare the share prices of MSFT and GOOG, then mail the result to bob@example.com", "plan"),
    (WEB, "Find the population of Japan and of Germany and work out the ratio", "plan"),
    (FILES, "Read a.txt, b.txt and c.txt and say which is the longest", "plan"),
    (OPS, "Restart the billing service", "plan"),
    (OFFICE, "Is it raining in London?", "plan"),
    (WEB, "When was the Eiffel Tower built?", "plan"),
    (FILES, "List the files in reports and read the newest", "plan"),
    (OPS, "Show the ten customers with the highest revenue", "plan"),
    (OFFICE, "Write an email to Tom that I will be late", "plan"),
    (WEB, "Summarize the latest news about solar energy", "plan"),
    (OFFICE, "Which of Paris, Rome and Madrid is the warmest right now?", "plan"),
    (FILES, "Calculate the average of 3, 5 and 9 and multiply it by 12", "plan"),
    # react: what comes next depends on what was found
    (OPS, "Investigate why checkout has been slow since this morning", "react"),
    (OPS, "Find out why the login service keeps crashing and fix it", "react"),
    (FILES, "Explore this folder and tell me what the project is about", "react"),
    (WEB, "Keep searching until you find a recipe without eggs that has good reviews", "react"),
    (OPS, "Debug the failing payments", "react"),
    (FILES, "Go through the files one by one until you find the password policy", "react"),
    (WEB, "Do some research on quantum batteries and follow up on whatever looks interesting", "react"),
    (OPS, "Something is wrong with the invoices, figure out what", "react"),
    (FILES, "Look around in the repository and find where the configuration is loaded", "react"),
    (OPS, "Track down the source of the duplicate orders", "react"),
    (WEB, "Try different search terms till you find the original paper", "react"),
    (OPS, "Troubleshoot the broken nightly import, whatever it takes", "react"),
    # Chinese
    (ZH_WEATHER, "你好,很高兴认识你", "direct"),
    (ZH_WEATHER, "给我讲一个关于熊猫的笑话", "direct"),
    (ZH, "写一首关于月亮的诗", "direct"),
    (ZH, "把“我爱你”翻译成法语", "direct"),
    (ZH_WEATHER, "帮我想一个奶茶店的名字", "direct"),
    (ZH, "北京和上海现在的天气怎么样,哪个更热?", "plan"),
    (ZH, "计算 3.5 乘以 12 再加 7", "plan"),
    (ZH, "搜索日本的人口,再除以东京的人口", "plan"),
    (ZH, "广州今天下雨吗", "plan"),
    (ZH, "查一下法国总统是谁", "plan"),
    (ZH, "杭州的天气", "plan"),
    (ZH, "排查一下网站为什么打不开", "react"),
    (ZH, "一直搜索,直到找到不含鸡蛋的蛋糕做法", "react"),
    (ZH, "深入调查这家公司的背景", "react"),
    # Japanese
    (JA, "おはようございます", "direct"),
    (JA, "猫についての俳句を書いて", "direct"),
    (JA, "「ありがとう」を英語に翻訳して", "direct"),
    (JA_OPS, "子供向けの短い物語を作って", "direct"),
    (JA, "東京と大阪の天気を比べて", "plan"),
    (JA, "フランスの大統領は誰ですか", "plan"),
    (JA, "札幌の今の気温は?", "plan"),
    (JA, "日本の人口とドイツの人口を調べて比率を出して", "plan"),
    (JA_OPS, "決済が遅い原因を調査して", "react"),
    (JA_OPS, "ログを見ながら障害の原因を突き止めて", "react"),
    (JA, "良いレシピが見つかるまで検索を続けて", "react"),
    # Korean
    (KO, "안녕하세요, 만나서 반갑습니다", "direct"),
    (KO, "고양이에 대한 농담 하나 해줘", "direct"),
    (KO, "'사랑해'를 영어로 번역해줘", "direct"),
    (KO, "봄에 대한 시를 써줘", "direct"),
    (KO, "서울과 부산의 날씨를 비교해줘", "plan"),
    (KO, "프랑스 대통령이 누구야?", "plan"),
    (KO, "내일 회의가 있다고 민수에게 메일 보내줘", "plan"),
    (KO, "지금 제주도 날씨 어때?", "plan"),
    (KO, "서버가 왜 느린지 조사해줘", "react"),
    (KO, "좋은 논문을 찾을 때까지 계속 검색해줘", "react"),
    (KO, "결제 오류의 원인을 파악해줘", "react"),
)


def tools_of(names: str) -> list[ToolSpec]:
    """Return the tools of a task."""
    if names == KO:
        return [ALL[_ASIAN[key]] for key in ("날씨", "검색", "메일")]
    texts = [text for text in ALL if text in names] if not names.isascii() else names.split()
    return [ALL[name] for name in texts]
