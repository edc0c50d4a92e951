"""What chat programs ask for their own sake, in the shapes of theirs, and tasks of people that look a little alike."""

from __future__ import annotations

from typing import Any

HISTORY = "### Chat History:\n<chat_history>\nUSER: What grows in the shade?\nASSISTANT: Ferns.\n</chat_history>"
TALK = "User: What grows in the shade?\nAssistant: Ferns, for one."


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def told(system: str, *texts: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, *({"role": "user", "content": text} for text in texts)]


def after(text: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "What grows in the shade?"},
        {"role": "assistant", "content": "Ferns."},
        {"role": "user", "content": text},
    ]


def form(what: str, key: str, value: str = '"…"') -> list[dict[str, Any]]:
    """In the shape of Open WebUI's task prompts."""
    return user(
        f'### Task:\n{what}\n### Guidelines:\n- Brief.\n### Output:\nJSON format: {{ "{key}": {value} }}\n\n{HISTORY}'
    )


SIDE_CALLS: list[list[dict[str, Any]]] = [
    form("Write a short name with an emoji for what is talked about.", "title"),
    form("Give one to three broad tags, and finer ones.", "tags", '["a", "b"]'),
    form("Propose questions that could be asked next.", "follow_ups", '["a?"]'),
    form("Decide whether a search is needed, and write its queries.", "queries", '["a"]'),
    form("Describe a picture in detail.", "prompt"),
    form("写一个简短的标题。", "title"),
    user(
        '### Task:\nYou complete text.\n\n### **Output Rules**:\n- Only `{ "text": "…" }`.\n\n---\n### Context:\n'
        "<chat_history>\n</chat_history>\n<type>search query</type>  \n<text>how do ferns</text>  \n#### Output:\n"
    ),
    user('Your task is to reflect the mood of the speaker by one emoji, and nothing else.\n\nMessage: """Great!"""'),
    told(
        'Available Tools: [{"name": "clock"}]\n\nChoose what fits. If none does: { "tool_calls": [] }',
        "Query: History:\nUSER: hi\nQuery: what time is it?",
    ),
    user(
        f"Analyze this conversation and provide:\n1. The detected language\n2. A short title, 5 words or less\n\n{TALK}"
    ),
    user(f"Write a title of five words or less for the conversation. Only the title.\n\nConversation:\n{TALK}"),
    user(
        f"Detect the user's language and write in it a very short title for this conversation. No quotes.\n\n||>{TALK}"
    ),
    told(
        "You are a professional conversation summarizer. Generate a concise title for the conversation.\n"
        "- Output ONLY the title\n- At most 10 words\n- No punctuation",
        "user: What grows in the shade?\nassistant: Ferns.",
    ),
    told(
        "你是一名擅长会话的助理, 请将会话总结为 10 个字以内的标题, 不要使用标点符号",
        "user: 阴凉处长什么?\nassistant: 蕨类",
    ),
    told(
        ("Summarize the conversation into a title within 10 words, without punctuation. Output only the title."),
        '[{"role":"user","content":"What grows in the shade?"}]',
    ),
    told(
        "You are a title generator. You output ONLY a thread title. Nothing else. At most 50 characters.",
        "Generate a title for this conversation:\n",
        "What grows in the shade?",
    ),
    told(
        "You will generate a short title based on the first message a user begins a conversation with, "
        "not more than 80 characters long. Do not use quotes or colons.",
        '{"role":"user","parts":[{"text":"What grows in the shade?"}]}',
    ),
    after("Please generate a four to five word title for our conversation without any lead-in, punctuation or quotes."),
    after("Summarize the discussion briefly in 200 words or less to use as a prompt for future context."),
    user(
        "Based on the chat history, give this conversation a name. Keep it short: 10 characters max, no quotes. "
        f"Just provide the name, nothing else.\n\nHere's the conversation:\n```\n{TALK}\n```"
    ),
    user("Here is the query:\n\n---\nWhat grows?\n---\n\nCreate a 3-5 word phrase as a title for the previous query."),
    user(f"Erstelle einen kurzen Titel (höchstens 5 Wörter) für das Gespräch.\n\n{TALK}"),
    user(f"Génère un titre court (5 mots) pour cette conversation.\n\n{TALK}"),
    user(f"会話の短いタイトルを10文字以内で付けてください。\n\n{TALK}"),
]

TASKS: list[list[dict[str, Any]]] = [
    *map(
        user,
        (
            "What is the title of the book that Tolkien wrote in 1937?",
            "Generate a title for my blog post about ferns, then publish it on the site.",
            "Create three follow-up questions for the interview with Dr. Chen and email them to her.",
            "Suggest tags for these products and save them to the catalogue: lamp, chair.",
            "Summarize the conversation with Acme of last week and send it to the team.",
            "### Task:\nCompare the revenue of Apple and Google.\n### Output:\nA table.",
            ("### Task:\nAnswer from the context.\n<context>\n<source>a</source>\n</context>\n\nWhat is a?"),
            '### Task:\nFetch the filing.\n### Output:\nJSON format: { "title": "…" }',
            'Look up the paper 1706.03762 and return {"title": "…", "queries": ["…"]} as JSON only.',
            "Generate a search query for flights from Berlin to Rome and run it.",
            f"Here is a support chat. Open a ticket with a fitting title.\n\n{TALK}",
            f"Which product does the customer mean?\n\n{TALK}",
            f"Read this transcript and check whether the prices are still right:\n\n{TALK}",
            "Name the five largest cities and their populations, only the numbers.",
            "Which thread titles of the forum got most answers this week?",
            "Write a title in 5 words for the picture gallery at https://x.org/g and upload it.",
            "Give the meeting notes a headline, at most ten words, and store them in the wiki.",
            "总结这份会议记录并发送给团队, 标题不超过10个字。",
            "把这个网页的标题翻译成英文: https://x.org",
            "タイトルが「蕨」の本を探してください。",
            "Erstelle einen Titel und eine Einleitung für den Bericht über Farne und speichere beides.",
            "Rename the chat room 'ops' to 'operations', only if it has no messages.",
            "You are a title generator for our shop: find the title of product 4711 in the catalogue.",
            "tags?",
            "What is a conversation?",
            "Autocomplete the address 'Unter den Li' with the geocoder.",
            "Query: the weather in Rome",
            'Message: """Great!""" was sent by whom?',
        ),
    ),
    told(
        "You are a helpful assistant. Begin each reply with a title of at most 5 words for the conversation.",
        "What grows?",
    ),
    told(
        "You are a helpful assistant. Always generate a short title for the conversation first, 5 words.", "What grows?"
    ),
    told("You are a poet. Create titles for the user's messages as haiku, with no punctuation.", "Autumn moon"),
    told("You are a travel agent. Current date: 2026-05-01. Only answer in JSON.", "Find a flight to Rome"),
    told("Answer in the language of the user. Do not use quotes.", "Suggest a name for my cat and look up its origin"),
    told(
        "You are an editor. You can search the web, write articles, and save them. When a chat ends, generate a title "
        "for the conversation with the tool.",
        "Research ferns.",
    ),
    after("And in the sun?"),
    after("Generate a title for the report on this and save it."),
    after("Summarize the discussion and email it to Bob."),
    after("Name two more."),
    after("Create a ticket named after our conversation."),
]
