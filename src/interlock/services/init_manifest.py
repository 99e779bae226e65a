"""From what was found in a repository to an `interlock.yaml`, and to templates for what is missing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from posixpath import dirname, relpath, splitext

from interlock.core.binding import bind
from interlock.core.errors import DocumentError, InterlockError
from interlock.core.json_text import parse_json
from interlock.core.manifest import Part
from interlock.core.runbook import parse_guide
from interlock.core.tools import ToolsFile
from interlock.ports import Tree
from interlock.services import init_templates as templates
from interlock.services.discover import read_small, skipped, tools_of
from interlock.services.finding import Finding, FindingKind
from interlock.services.globs import is_glob, matching
from interlock.services.init_draft import FOLDER, RECORD, Draft, Row, comment, listed, quoted, said
from interlock.services.model_names import provider_of
from interlock.services.stakes import StakesAnswers

CODE_ENDS = (".py", ".ts", ".tsx", ".js", ".mjs", ".go", ".rb", ".java", ".rs", ".cs", ".php")
_ADDRESSES = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
}


def draft(tree: Tree, findings: Sequence[Finding], answers: StakesAnswers, name: str) -> Draft:
    """The manifest and the templates, not yet written anywhere.

    Args:
        name: of the feature, such as `acme/support-answers`.
    """
    made = Draft(tree, findings, answers, paths=[path for path in tree.paths() if not skipped(path)])
    parts = [_model(made), _prompt(made), _schema(made), _tools(made), _runbook(made)]
    runbook, tools = parts.pop(), parts.pop()
    # Last, because a folder of sources may hold a runbook or a prompt, which is not a source.
    parts += [_retriever(made), tools, _guardrails(made), _evals(made), runbook]
    target = _target(made)
    made.files = {"interlock.yaml": _manifest(made, name, target, parts), **made.files}
    order = [part.value for part in Part]
    made.rows.sort(key=lambda row: order.index(row.what) if row.what in order else len(order))
    return made


def _manifest(made: Draft, name: str, target: str, parts: Sequence[str]) -> str:
    answers, stakes = made.answers, made.answers.stakes
    purpose = (
        quoted(answers.purpose)
        if answers.purpose
        else quoted("TEMPLATE: whom it answers, about what, from which sources")
    )
    data = (
        ""
        if answers.data_classes
        else comment("not answered yet: such as [contact, billing]; [none] where there are none")
    )
    acts = ", ".join(
        f"{key}: {str(getattr(stakes, key)).lower()}"
        for key in ("acts", "locks_out", "misstates_policy", "costs_money")
    )
    return f"""\
# What is released as this feature. Written by `interlock init`; from here on it is yours to edit.
# Where it says «confirm», something was guessed. Where it says TEMPLATE, somebody has to write it.
interlock: 1
feature: {quoted(name)}
purpose: {purpose}
profile: {answers.profile.value}{comment("the lightest that the stakes below permit")}
languages: {listed(answers.languages)}
data_classes: {listed(answers.data_classes)}{data}
stakes: {{{acts}, fallback: {stakes.fallback}}}
owners: {{}}{comment("{product: …, support: …, oncall: …, risk: …}")}
app: {{files: {listed(_app_files(made))}}}
{target}
parts:
{"".join(parts)}environments:
  staging: {{stage: lab, approvals: 1}}
  production: {{stage: ga, approvals: 1}}
ignore: [{RECORD}]
"""


def _app_files(made: Draft) -> list[str]:
    """Patterns for the code around the parts: one for each top folder and language."""
    found: dict[str, None] = {}
    for path in made.paths:
        end = splitext(path)[1]
        folder, below, _ = path.partition("/")
        if end in CODE_ENDS and not is_glob(folder):
            found[f"{folder}/**/*{end}" if below else f"*{end}"] = None
    return list(found)


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _model(made: Draft) -> str:
    found = made.of(FindingKind.MODEL_ID)
    if not found:
        made.rows.append(Row("model", "interlock.yaml", "not found, fill in `parts.model`"))
        note = comment("TEMPLATE: no model id was seen in the code")
        return f'  model: {{version: "1", provider: fill-in, id: fill-in}}{note}\n'
    ids = list(dict.fromkeys(finding.name for finding in found))
    first = (
        found[0]
        if len(ids) == 1
        else replace(found[0], confidence="guessed", note=f"{found[0].note}; the first of {len(ids)}")
    )
    made.seen("model", first, f"{first.where} {first.name}")
    others = "".join(
        f"    {comment(f'also seen: {finding.name} ({finding.where})').strip()}\n"
        for finding in (next(each for each in found if each.name == other) for other in ids[1:6])
    )
    return (
        f'  model:\n    version: "1"\n    provider: {provider_of(first.name) or "fill-in"}\n'
        f"    id: {quoted(first.name)}{said(first, first.note)}\n{others}"
        f"    {comment('add `price`, and a `fingerprint` or `echoed: true`, so that what answers is what was tested').strip()}\n"
    )


def _prompt(made: Draft) -> str:
    found = [finding for finding in made.of(FindingKind.PROMPT_FILE) if not is_glob(finding.path)]
    in_code = made.of(FindingKind.PROMPT_IN_CODE)
    if found:
        for finding in found:
            made.seen("prompt", finding)
        for finding in in_code:
            if finding.confidence == "found":  # then there are two prompts, and only one of them is released
                made.seen("prompt", finding)
        return _files(made, "prompt", found, [finding.path for finding in found])
    path = f"{FOLDER}/prompt/system.md"
    text = templates.prompt([finding.where for finding in in_code])
    for finding in in_code:
        made.seen("prompt", finding)
    made.template(Part.PROMPT, path, text, row=not in_code)
    note = f"TEMPLATE: the prompt is in code, at {in_code[0].where}" if in_code else "TEMPLATE: no prompt was seen"
    return f'  prompt: {{version: "1", files: [{path}]}}{comment(note)}\n'


def _files(made: Draft, part: str, found: Sequence[Finding], paths: Sequence[str]) -> str:
    """A part of their files. A folder that holds nothing else stays watched; one with other things in it cannot be."""
    note = "" if all(finding.confidence == "found" for finding in found) else comment("guessed by name, confirm")
    mine = made.claim(paths)
    folders = {dirname(path) for path in mine} - {""}
    alone = all(path in mine for path in made.tree.paths() if any(path.startswith(f"{each}/") for each in folders))
    return f'  {part}: {{version: "1", files: {listed(mine)}{"" if alone else ", folders: []"}}}{note}\n'


def _schema(made: Draft) -> str:
    schemas = [finding for finding in made.of(FindingKind.JSON_SCHEMA) if finding.name and not is_glob(finding.path)]
    # Among several, the one whose name speaks of an answer, and the shortest path among those.
    schemas.sort(
        key=lambda finding: (not re.search(r"answer|output|repl|response", finding.path, re.I), len(finding.path))
    )
    if schemas:
        first = schemas[0]
        made.seen("schema", first)
        made.claim([first.path])
        return f'  schema: {{version: "1", output: {quoted(first.path)}, folders: []}}{said(first)}\n'
    models = made.of(FindingKind.PYDANTIC_MODEL)
    for finding in models[:1]:
        made.seen("schema", finding, f"{finding.where}:{finding.name}")
    names = [f"{finding.where}:{finding.name}" for finding in models[:5]]
    path = made.template(Part.SCHEMA, f"{FOLDER}/schema/answer.json", templates.schema(names), row=not models)
    note = f"TEMPLATE: save the schema of {names[0]} here" if names else "TEMPLATE: no schema of the answer was seen"
    return f'  schema: {{version: "1", output: {path}}}{comment(note)}\n'


def _tools(made: Draft) -> str:
    declared = made.of(FindingKind.MCP_TOOLS, FindingKind.OPENAI_TOOLS)
    if declared:
        rows = {tool["name"]: tool for finding in declared for tool in tools_of(made.tree, finding)}
        for finding in declared:
            made.seen("tools", finding)
        if len(declared) == 1 and _is_manifest(made.tree, declared[0]):
            made.claim([declared[0].path])
            return f'  tools: {{version: "1", manifest: {quoted(declared[0].path)}, folders: []}}\n'
        return _tool_manifest(made, list(rows.values()), f"converted from {', '.join(f.where for f in declared)}")
    servers = made.of(FindingKind.MCP_SERVERS)
    functions = made.of(FindingKind.TOOL_FUNCTION)
    for finding in servers or functions[:1]:
        made.seen("tools", finding)
    if servers:
        names = dict.fromkeys(name for finding in servers for name in finding.name.split(", "))
        why = "the tools of this MCP server are not known here; put the entries of its `tools/list` answer instead."
        unknown = [templates.unknown_tool(f"{_tool_name(name)}.replace_me", why) for name in names]
        return _tool_manifest(made, unknown, "TEMPLATE: save the tools/list answers of the servers")
    if functions:
        why = "a function decorated as a tool; put its `tools/list` entry here."
        names = dict.fromkeys(finding.name for finding in functions)
        unknown = [templates.unknown_tool(_tool_name(name), why) for name in names]
        return _tool_manifest(made, unknown, "TEMPLATE: guessed from decorators, confirm")
    if made.answers.acts:
        unknown = [templates.unknown_tool("replace_me", "it acts, and none of its tools was seen; list them here.")]
        made.rows.append(Row("tools", f"{FOLDER}/tools/tools.json", "it acts, but no tool was seen: template written"))
        return _tool_manifest(made, unknown, "TEMPLATE: it acts, so it has tools")
    made.rows.append(Row("tools", "", "none seen"))
    return f"  tools: none{comment('none was seen; list them if it has any')}\n"


def _is_manifest(tree: Tree, finding: Finding) -> bool:
    """Whether their file is a manifest as it stands, so that there need not be a second one that drifts from it."""
    text = read_small(tree, finding.path)
    if text is None or is_glob(finding.path) or not finding.path.endswith(".json"):
        return False
    try:
        bind(ToolsFile, parse_json(text, finding.path))
    except InterlockError:
        return False
    return True


def _tool_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:100] or "tool"


def _tool_manifest(made: Draft, tools: Sequence[dict[str, object]], note: str) -> str:
    path = f"{FOLDER}/tools/tools.json"
    made.files[path] = templates.tools(tools)
    if note.startswith("TEMPLATE"):
        made.templates.append(path)
    return f'  tools: {{version: "1", manifest: {path}}}{comment(note)}\n'


def _retriever(made: Draft) -> str:
    code = made.of(FindingKind.RETRIEVAL_CODE)
    sources = [finding for finding in made.of(FindingKind.SOURCES) if not is_glob(finding.path)]
    index = [finding for finding in made.of(FindingKind.INDEX) if not is_glob(finding.path)]
    if sources and sources[0].confidence == "guessed" and not code:
        sources = []  # a folder `docs` is documentation, unless something retrieves
    if not sources and not code:
        made.rows.append(Row("retriever", "", "none seen"))
        return f"  retriever: none{comment('none was seen; describe it if it has one')}\n"
    for finding in (*sources, *(index if code else ()), *code[:1]):
        made.seen("retriever", finding)
    patterns: list[str] = []
    for finding in sources:
        pattern = f"{finding.path}/**"
        inside = matching(pattern, made.tree.paths())
        whole = not made.taken.intersection(inside)
        mine = made.claim(inside)
        patterns += [pattern] if whole else mine
    if code:
        patterns += made.claim(finding.path for finding in index)
    note = said((sources or code)[0]) if (sources or code)[0].confidence == "guessed" else ""
    if not patterns:
        asked = comment("its sources or its index were not seen: add `files` or `index`")
        return f'  retriever: {{version: "1", settings: {{}}}}{note}{asked}\n'
    return f'  retriever: {{version: "1", settings: {{}}, files: {listed(patterns)}, folders: []}}{note}\n'


def _guardrails(made: Draft) -> str:
    folder = f"{FOLDER}/guardrails"
    made.template(Part.GUARDRAILS, f"{folder}/glossary.yaml", templates.GLOSSARY)
    made.template(Part.GUARDRAILS, f"{folder}/actions.yaml", templates.ACTIONS, row=False)
    made.template(Part.GUARDRAILS, f"{folder}/answers.yaml", templates.answers(made.answers.languages), row=False)
    roles = "".join(f"    {role}: {folder}/{role}.yaml\n" for role in ("glossary", "actions", "answers"))
    return f'  guardrails:{comment("TEMPLATE")}\n    version: "1"\n{roles}'


def _evals(made: Draft) -> str:
    folder = f"{FOLDER}/evals"
    made.template(Part.EVALS, f"{folder}/starter.yaml", templates.SUITE)
    made.template(Part.EVALS, f"{folder}/cases/starter.jsonl", templates.cases(made.answers.languages[0]), row=False)
    return (
        f'  evals:{comment("TEMPLATE: three starter cases")}\n    version: "1"\n'
        f'    suites: ["{folder}/*.yaml"]\n    files: ["{folder}/cases/*.jsonl"]\n'
        "    covers: {tools: all, schema: fields, guardrails: rules}\n"
    )


def _runbook(made: Draft) -> str:
    folder = f"{FOLDER}/runbook"
    roles, extra, theirs_used = {}, list[str](), False
    for role, kind, write in (
        ("runbook", FindingKind.RUNBOOK, templates.runbook),
        ("escalation", FindingKind.ESCALATION, templates.escalation),
    ):
        theirs = made.of(kind)
        claimed = made.claim(finding.path for finding in theirs)
        theirs_used = theirs_used or bool(claimed)
        for finding in theirs:
            made.seen("runbook", finding)
        ready = [path for path in claimed if _is_guide(made.tree, path)]
        if ready:
            roles[role] = quoted(ready[0])
            extra += [path for path in claimed if path != ready[0]]
        else:
            links = [relpath(path, folder) for path in claimed if not set("<>%\n") & set(path)]
            roles[role] = made.template(Part.RUNBOOK, f"{folder}/{role}.md", write(links), row=not theirs)
            extra += claimed
    made.template(Part.RUNBOOK, f"{folder}/operations.yaml", templates.OPERATIONS, row=False)
    files = f"    files: {listed(extra)}\n" if extra else ""
    open_folders = "    folders: []\n" if theirs_used else ""
    return (
        f'  runbook:{comment("TEMPLATE")}\n    version: "1"\n    runbook: {roles["runbook"]}\n'
        f"    escalation: {roles['escalation']}\n    operations: {folder}/operations.yaml\n{files}{open_folders}"
    )


def _is_guide(tree: Tree, path: str) -> bool:
    text = read_small(tree, path)
    if text is None:
        return False
    try:
        parse_guide(text, path)
    except DocumentError:
        return False
    return True


# ── target ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _target(made: Draft) -> str:
    calls = [finding for finding in made.of(FindingKind.CALL) if _module(finding.path)]
    if calls:
        first = calls[0]
        made.seen("target", first, f"{first.where}:{first.name}")
        return (
            f"target: {{kind: python, call: {quoted(f'{_module(first.path)}:{first.name}')}}}{said(first, first.note)}"
        )
    models, prompts = made.of(FindingKind.MODEL_ID), made.of(FindingKind.PROMPT_FILE)
    address = _ADDRESSES.get(provider_of(models[0].name) or "") if models and prompts else None
    if address:
        made.rows.append(Row("target", address[0], "guessed, please confirm: no function of the app was seen"))
        note = comment("guessed, confirm: asks prompt and model without the app; better name what customers reach")
        return f"target: {{kind: openai, url: {quoted(address[0])}, key_env: {address[1]}}}{note}"
    made.rows.append(Row("target", "interlock.yaml", "not found, fill in `target`"))
    return (
        "# TEMPLATE: no way into the app was seen. Name a program that reads one request as JSON on its standard input and\n"
        "# writes one reply; or a function, with `kind: python` and `call: package.module:function`.\n"
        "target: {kind: command, command: [./replace-me-with-your-app]}"
    )


def _module(path: str) -> str:
    """A Python file as a module seen from the feature's folder, or empty when it cannot be imported so.

    >>> _module("app/llm.py"), _module("app/__init__.py"), _module("my-app/llm.py")
    ('app.llm', 'app', '')
    """
    steps = splitext(path)[0].split("/")
    steps = steps[:-1] if steps[-1] == "__init__" else steps
    return ".".join(steps) if steps and all(step.isidentifier() for step in steps) else ""
