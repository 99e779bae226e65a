"""The assistant: what it would say goes through the bundle's answer policy, and only what that lets pass is read by anybody.

The bundle's files decide the behaviour. A prompt of the mode `route` lets the model name the intent and nothing else, and
sentences are quoted; a prompt of the mode `answer` lets the model write what the customer reads.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock.core.delivery import Delivered, Escalated
from interlock.sdk.interaction import Interaction

from . import parse, tools
from .parts import Parts, load
from .reply import Claim, Draft, lead, proposal
from .search import Evidence, Hit, fold

Chat = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
STAFF = "support"
"""The role that may read what is not for customers."""
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
    turns = read(request)
    lang, context = str(request.get("lang") or "en"), request.get("context") or {}
    session = tools.Session.of(context)
    with parts.answers.interaction(
        tenant=session.account_id if session else None,
        roles=(session.role,) if session else ("customer",),
        lang=lang,
        probe=context.get("interlock_probe"),
    ) as talk:
        written = _written if parts.prompt.mode == "answer" else _routed
        return await written(parts, talk, turns, session, lang, context, chat)


def read(request: Mapping[str, Any]) -> list[str]:
    """What the customer said, turn by turn; nothing when the last turn is empty."""
    if "messages" in request:
        turns = [str(turn["content"]) for turn in request["messages"] if turn.get("role") == "user"]
    else:
        turns = [str(request["input"])]
    return turns if turns and turns[-1].strip() else []


def asked(turns: Sequence[str]) -> str:
    """The question to answer: that of a follow-up holds the one before."""
    return " ".join(turns[-2:])


def hear(talk: Interaction, turns: Sequence[str], intent: str | None) -> None:
    """Tell the policy what the customer said. Slices of the policy are the intents; the model's is a second opinion."""
    for turn in turns:
        talk.heard(turn, intent=intent, slice=intent)


async def _routed(
    parts: Parts,
    talk: Interaction,
    turns: Sequence[str],
    session: tools.Session | None,
    lang: str,
    context: Mapping[str, Any],
    chat: Chat,
) -> dict[str, Any]:
    draft, question = Draft(), asked(turns)
    english = parts.terms.english(question, lang)
    terms = parts.terms.terms(english)
    draft.attempted = 1
    try:
        text = parse.content(await chat(routing_request(parts, question, english, lang)))
        draft.intent = parse.one_string(text, "intent", among=parts.prompt.intents)
    except parse.ParseError as error:
        draft.errors.append(str(error))
    hear(talk, turns, draft.intent)
    if draft.intent is None:
        # The words of a rule need no model: a person takes over even when its output cannot be read. Nothing is prepared.
        return draft.judged(talk.unreadable(draft.errors[0]), talk.record())
    hits, evidence = find(parts, terms, draft.intent)
    needed = float(parts.settings["answer_threshold"])
    if draft.intent in NOT_ABOUT_US:
        needed = max(needed, float(parts.settings["off_topic_threshold"]))
    done = tools.work(question, terms, session, parts.tools)
    claims = [Claim(text, doc_id, text) for doc_id, text in done.records]
    if evidence.coverage >= needed:
        claims += quoted(evidence)
    own = [retrieved(hit) for hit in hits]
    if claims:
        own = tools.as_retrieved(done.records, session) + own
    text = lead(lang, [claim.text for claim in claims], done.calls)
    judged = talk.answer(proposal(text, claims, done.calls), sources=own)
    if isinstance(judged, Escalated):
        draft.tool_calls = _hand_over(parts, judged, session, terms, turns)
    else:
        draft.retrieved = own + _planted(parts, terms, context)
        draft.tool_calls = done.calls if isinstance(judged, Delivered) else []
    return draft.judged(judged, talk.record())


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
    found = {"doc_id": hit.article.doc_id, "text": hit.article.body, "score": round(hit.score, 4)}
    return found if hit.article.audience == "customer" else {**found, "readers": [STAFF]}


def _planted(parts: Parts, terms: Sequence[str], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Third-party texts that the search brought along: shown as retrieved, never a source of a claim."""
    wanted, found = set(terms), []
    for plant in context.get("plant") or ():
        shared = len(wanted & set(parts.terms.terms(str(plant["text"]))))
        found.append({"doc_id": str(plant["doc_id"]), "text": str(plant["text"]), "score": float(shared)})
    return found


def _hand_over(
    parts: Parts, judged: Escalated, session: tools.Session | None, terms: Sequence[str], turns: Sequence[str]
) -> list[dict[str, Any]]:
    """The calls that are proposed with a handoff: the ticket, and a lock where an account is in danger."""
    done = tools.Work(parts.tools)
    if judged.findings:  # nothing is prepared on the word of an answer that did not hold
        return []
    if session is not None and session.role == "support":
        done = tools.work(" ".join(turns), terms, session, parts.tools)
    in_danger = judged.queue == "security" and bool(set(terms) & {"hack", "stolen", "stranger", "somebody", "someon"})
    tools.hand_over(done, session, queue=judged.queue, rule=judged.rule, locks=in_danger)
    return done.calls


async def _written(
    parts: Parts,
    talk: Interaction,
    turns: Sequence[str],
    session: tools.Session | None,
    lang: str,
    context: Mapping[str, Any],
    chat: Chat,
) -> dict[str, Any]:
    """The model writes the answer from what was retrieved, planted texts included where the settings say so."""
    draft, question = Draft(), asked(turns)
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
    hear(talk, turns, None)
    try:
        text = parse.content(await chat(_request(parts, messages, None)))
        written = parse.one_string(text, "answer")
    except parse.ParseError as error:
        draft.errors.append(str(error))
        return draft.judged(talk.unreadable(draft.errors[0]), talk.record())
    calls = tools.work(question, terms, session, parts.tools).calls
    # the source is whatever the search found best, whether or not it says what the model wrote
    claims = [Claim(written, article.doc_id, sentence.text) for article, sentence in evidence.sentences[:1]]
    unsure = any(phrase in fold(written) for phrase in UNSURE)
    given = proposal(written, () if unsure else claims, calls) if unsure or claims else written
    judged = talk.answer(given, sources=draft.retrieved)
    draft.tool_calls = calls if isinstance(judged, Delivered) else []
    return draft.judged(judged, talk.record())


def _request(parts: Parts, messages: list[dict[str, str]], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    request: dict[str, Any] = {"model": parts.model["id"], "messages": messages, **parts.model["parameters"]}
    request["max_tokens"] = parts.prompt.max_tokens
    if schema is not None and parts.prompt.constrained:
        request["response_format"] = {"type": "json_schema", "json_schema": dict(schema)}
    return request
