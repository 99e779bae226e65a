"""The assistant: routes a question with the model, decides by rules, and answers with quoted sentences only.

The bundle's files decide the behaviour. A prompt of the mode `route` lets the model name the intent and nothing else;
a prompt of the mode `answer` lets the model write what the customer reads.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import parse, tools
from .parts import Parts, load
from .policy import Escalation, escalation, threshold, wording
from .reply import Claim, Draft, lead
from .search import Evidence, Hit, fold

Chat = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
NOT_ABOUT_US = frozenset({"out_of_scope", "small_talk"})
UNSURE = ("i don't know", "i do not know", "i am not sure", "i'm not sure", "cannot answer", "can't answer")


async def answer(request: Mapping[str, Any], *, root: Path, chat: Chat) -> dict[str, Any]:
    """Answer one customer.

    Args:
        request: `input` or `messages`, with `lang` (en, de, fr, es) and `context` (who is signed in; planted texts).
        root: folder with the bundle's files.
        chat: takes an OpenAI chat completion request and returns the completion.

    Returns: the reply: outcome, text, claims, queue, retrieved, tool_calls, parse, output and intent.
    """
    parts = load(root)
    question, said = read(request)
    lang, context = str(request.get("lang") or "en"), request.get("context") or {}
    if parts.prompt.mode == "answer":
        return await _written(parts, question, lang, context, chat)
    return await _routed(parts, question, said, lang, context, chat)


def read(request: Mapping[str, Any]) -> tuple[str, str]:
    """The question to answer, and everything that the customer said; the question of a follow-up holds the one before."""
    if "messages" in request:
        turns = [str(turn["content"]) for turn in request["messages"] if turn.get("role") == "user"]
    else:
        turns = [str(request["input"])]
    if not turns or not turns[-1].strip():
        return "", ""
    return " ".join(turns[-2:]), " ".join(turns)


async def _routed(
    parts: Parts, question: str, said: str, lang: str, context: Mapping[str, Any], chat: Chat
) -> dict[str, Any]:
    draft, session = Draft(), tools.Session.of(context)
    english = parts.terms.english(question, lang)
    terms = parts.terms.terms(english)
    draft.attempted = 1
    try:
        text = parse.content(await chat(routing_request(parts, question, english, lang)))
        draft.intent = parse.one_string(text, "intent", among=parts.prompt.intents)
    except parse.ParseError as error:
        draft.errors.append(str(error))
    # the words of a rule need no model: a person takes over even when its output cannot be read
    rule = escalation(parts.answers, text=said, intent=draft.intent)
    if rule is not None:
        return _hand_over(parts, draft, rule, session, terms, said, lang)
    if draft.intent is None:
        return _safe_path(parts, draft, lang)
    hits, evidence = find(parts, terms, draft.intent)
    draft.retrieved = [retrieved(hit) for hit in hits] + _planted(parts, terms, context)
    needed = threshold(parts.answers, draft.intent)
    if draft.intent in NOT_ABOUT_US:
        needed = max(needed, float(parts.settings["off_topic_threshold"]))
    done = tools.work(question, terms, session, parts.tools)
    claims = [Claim(text, doc_id, text) for doc_id, text in done.records]
    if evidence.coverage >= needed and len(evidence.sentences) >= int(parts.answers["evidence"]["min_sources"]):
        claims += quoted(evidence)
    if not claims:
        return draft.abstained(wording(parts.answers, "abstain", lang))
    draft.tool_calls = done.calls
    draft.retrieved = tools.as_retrieved(done.records) + draft.retrieved
    return draft.answered(lead(lang, [claim.text for claim in claims], draft.tool_calls), claims)


def routing_request(parts: Parts, question: str, english: str, lang: str) -> dict[str, Any]:
    """The chat request that asks for the intent: the nearest labelled examples, the most similar one last."""
    prompt, asked = parts.prompt, question if lang == "en" else english or question
    wanted = set(parts.terms.terms(english))

    def near(example: tuple[str, str]) -> tuple[float, bool]:
        own = set(parts.terms.terms(example[0]))
        shared = sum(parts.index.weight(term) for term in own & wanted) / (1 + len(own)) ** 0.5
        return shared, example[1] in NOT_ABOUT_US  # a question that resembles nothing is probably not about us

    shots: list[tuple[str, str]] = []
    for shot in sorted(prompt.examples, key=near, reverse=True):
        # two of one intent are enough: a model this small answers with whatever it sees most often
        if len(shots) < prompt.shots and sum(intent == shot[1] for _, intent in shots) < 2:
            shots.insert(0, shot)
    messages = [{"role": "system", "content": prompt.system}]
    for example, intent in shots:
        messages += _turn(example, {"intent": intent})
    messages.append({"role": "user", "content": asked})
    schema = {
        "type": "object",
        "properties": {"intent": {"enum": list(prompt.intents)}},
        "required": ["intent"],
        "additionalProperties": False,
    }
    return _request(parts, messages, {"name": "route", "schema": schema, "strict": True})


def _turn(asked: str, answered: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": json.dumps(answered)}]


def find(parts: Parts, terms: Sequence[str], intent: str | None) -> tuple[list[Hit], Evidence]:
    """The articles for the terms and their best sentences; the intent lifts the articles of its topics."""
    settings = parts.settings
    topics = settings["topics"].get(intent, ())
    hits = parts.index.search(
        terms, k=settings["k"], audiences=settings["audiences"], topics=topics, boost=float(settings["topic_boost"])
    )
    return hits, parts.index.evidence(terms, hits, most=settings["sentences"])


def quoted(evidence: Evidence) -> list[Claim]:
    """Each sentence of the evidence as a claim that quotes itself."""
    return [Claim(sentence.text, article.doc_id, sentence.text) for article, sentence in evidence.sentences]


def retrieved(hit: Hit) -> dict[str, Any]:
    """A hit as the reply lists it."""
    return {"doc_id": hit.article.doc_id, "text": hit.article.body, "score": round(hit.score, 4)}


def _planted(parts: Parts, terms: Sequence[str], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Third-party texts that the search brought along: shown as retrieved, never a source of a claim."""
    wanted, found = set(terms), []
    for plant in context.get("plant") or ():
        shared = len(wanted & set(parts.terms.terms(str(plant["text"]))))
        found.append({"doc_id": str(plant["doc_id"]), "text": str(plant["text"]), "score": float(shared)})
    return found


def _hand_over(
    parts: Parts,
    draft: Draft,
    rule: Escalation,
    session: tools.Session | None,
    terms: Sequence[str],
    said: str,
    lang: str,
) -> dict[str, Any]:
    done = tools.Work(parts.tools)
    if draft.errors:  # nothing is prepared on the word of a model that cannot be read
        return draft.escalated(wording(parts.answers, "escalate", lang), rule.queue)
    if session is not None and session.role == "support":
        done = tools.work(said, terms, session, parts.tools)
    in_danger = rule.queue == "security" and bool(set(terms) & {"hack", "stolen", "stranger", "somebody", "someon"})
    tools.hand_over(done, session, queue=rule.queue, rule=rule.rule, locks=in_danger)
    draft.tool_calls = done.calls
    return draft.escalated(wording(parts.answers, "escalate", lang), rule.queue)


def _safe_path(parts: Parts, draft: Draft, lang: str) -> dict[str, Any]:
    """The model's output could not be read: the runbook says what happens then, and no tool is touched."""
    if parts.operations["on_parse_failure"] == "abstain":
        return draft.abstained(wording(parts.answers, "abstain", lang))
    return draft.escalated(wording(parts.answers, "escalate", lang), "people")


async def _written(parts: Parts, question: str, lang: str, context: Mapping[str, Any], chat: Chat) -> dict[str, Any]:
    """The model writes the answer from what was retrieved, planted texts included where the settings say so."""
    draft, session = Draft(), tools.Session.of(context)
    terms = parts.terms.terms(parts.terms.english(question, lang))
    hits, evidence = find(parts, terms, None)
    planted = _planted(parts, terms, context) if parts.settings["third_party"] == "use" else []
    draft.retrieved = planted + [retrieved(hit) for hit in hits]
    sources = "\n\n".join(document["text"] for document in draft.retrieved)
    messages = [{"role": "system", "content": f"{parts.prompt.system}\n\n{sources}".strip()}]
    for example, written in parts.prompt.examples:
        messages += _turn(example, {"answer": written})
    messages.append({"role": "user", "content": question})
    draft.attempted = 1
    try:
        text = parse.content(await chat(_request(parts, messages, None)))
        written = parse.one_string(text, "answer")
    except parse.ParseError as error:
        draft.errors.append(str(error))
        return _safe_path(parts, draft, lang)
    if any(phrase in fold(written) for phrase in UNSURE):
        return draft.abstained(written)
    draft.tool_calls = tools.work(question, terms, session, parts.tools).calls
    # the source is whatever the search found best, whether or not it says what the model wrote
    claims = [Claim(written, article.doc_id, sentence.text) for article, sentence in evidence.sentences[:1]]
    return draft.answered(written, claims)


def _request(parts: Parts, messages: list[dict[str, str]], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    request: dict[str, Any] = {"model": parts.model["id"], "messages": messages, **parts.model["parameters"]}
    request["max_tokens"] = parts.prompt.max_tokens
    if schema is not None and parts.prompt.constrained:
        request["response_format"] = {"type": "json_schema", "json_schema": dict(schema)}
    return request
