"""What Python's Jinja2 makes of templates, as transformers sets it up; read by test_jinja.c.

jinja_reference.py OWN [FOLDER]: renders the templates of OWN (a file; "=== name" begins each) and
all FOLDER/*.jinja over a matrix of conversations. For each case stdout gets a line with five
numbers (bytes of name, template, variables as JSON, output; 1 if it rendered, 0 if it raised) and
then those bytes. Exits with 77 where python3-jinja2 is missing.
"""
import datetime
import functools
import glob
import itertools
import json
import os
import random
import sys

try:
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    sys.exit(77)

NOW = datetime.datetime.fromtimestamp(1770091506, datetime.timezone.utc)
random.seed(1)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_render")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                    extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = NOW.strftime


@functools.lru_cache(maxsize=2)
def compiled(template):
    return env.from_string(template)


def emit(name, template, variables):
    try:
        out, ok = compiled(template).render(**variables), 1
        out.encode()
    except RecursionError:
        return
    except Exception as error:
        out, ok = f"{type(error).__name__}: {error}", 0
    fields = [x.encode() for x in (name, template, json.dumps(variables), out)]
    sys.stdout.buffer.write(b"%d %d %d %d %d\n" % (*map(len, fields), ok) + b"".join(fields))


def function(name, properties, **more):
    return {"type": "function", "function": {
        "name": name, "description": f"Does {name}: \"quotes\", <tags> & 'more'\nsecond line \u00e9",
        "parameters": {"type": "object", "properties": properties, "required": list(properties)[:1]},
        **more}}


TOOLS = [
    function("get_weather", {
        "city": {"type": "string", "description": "The city"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}}),
    function("search", {
        "query": {"type": ["string", "null"], "description": "What for"},
        "limits": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        "options": {"type": "object", "properties": {
            "deep": {"type": "boolean"}, "score": {"type": "number", "nullable": True}}},
        "any": {"oneOf": [{"type": "string", "description": "a"}, {"type": "number"}]}},
        return_={"type": "string"}),
]
DOCUMENTS = [{"title": "Fjords", "text": "Deep water.", "contents": "Deep water."}]


def user(text):
    return {"role": "user", "content": text}


def call(name, arguments, id):
    return {"type": "function", "id": id, "function": {"name": name, "arguments": arguments}}


def conversations():
    answer = {"role": "assistant", "content": "It is 7 \u00b0C.\n"}
    thought = {"role": "assistant", "content": "Twelve.", "reasoning_content": "3 times 4 is 12",
               "thinking": "3 times 4 is 12", "reasoning": "3 times 4 is 12"}
    tagged = {"role": "assistant", "content": "<think>\nHm, {{x}}.\n</think>\n\nTwelve, I think."}
    parts = {"role": "user", "content": [{"type": "text", "text": "First. "},
                                         {"type": "text", "text": "Second."}]}
    image = {"role": "user", "content": [{"type": "image", "image": "x.png"},
                                         {"type": "text", "text": "What is it?"}]}
    one = call("get_weather", {"city": "Reykjav\u00edk", "unit": "celsius", "n": 1.5, "b": True,
                               "l": [1, "a", None], "d": {"x": "<y>"}}, "call_001a")
    text = call("get_weather", '{"city": "Oslo"}', "123456789")
    two = call("search", {"query": "fjord", "limits": [1, 2]}, "call_002b")
    short = call("search", {"query": "fjord"}, "abcdefghi")
    result = {"role": "tool", "name": "get_weather", "tool_call_id": "call_001a",
              "content": '{"temperature": 7}'}
    result2 = {"role": "tool", "name": "search", "tool_call_id": "call_002b", "content": "found it"}
    base = {
        "user": [user("Hello!")],
        "turns": [user(" What is it like in Reykjav\u00edk? "), answer, user("And\n\nin Oslo?")],
        "answered": [user("Hi"), answer],
        "thought": [user("3 times 4?"), thought, user("Sure?")],
        "thought_last": [user("3 times 4?"), thought],
        "tagged": [user("3 times 4?"), tagged, user("Sure?"), tagged],
        "parts": [parts, {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}, parts],
        "image": [image],
        "call": [user("Weather?"), {"role": "assistant", "content": "", "tool_calls": [one]}],
        "call_none": [user("Weather?"), {"role": "assistant", "content": None, "tool_calls": [one]}],
        "call_text": [user("Weather?"),
                      {"role": "assistant", "content": "Let me see.", "tool_calls": [text]},
                      {**result, "tool_call_id": "123456789"}, answer, user("Thanks")],
        "call_result": [user("Weather?"), {"role": "assistant", "content": "", "tool_calls": [one]},
                        result],
        "calls": [user("Weather?"), {**thought, "content": "", "tool_calls": [one, two]}, result,
                  result2, answer, user("More"), {"role": "assistant", "tool_calls": [short]},
                  {**result2, "tool_call_id": "abcdefghi"}],
        "result_object": [user("Weather?"),
                          {"role": "assistant", "content": "", "tool_calls": [one]},
                          {**result, "content": {"temperature": 7, "list": [1, 2]}}, answer],
        "result_parts": [user("Weather?"),
                         {"role": "assistant", "content": "", "tool_calls": [one]},
                         {**result, "content": [{"type": "text", "text": "7 degrees"}]}],
        "two_users": [user("a"), user("b")],
        "first_assistant": [answer, user("Hi")],
        "odd_role": [user("Hi"), {"role": "critic", "content": "Bad."}],
        "developer": [{"role": "developer", "content": "Be terse."}, user("Hi")],
        "empty": [],
        "no_content": [{"role": "user"}],
    }
    system = {"role": "system", "content": "You are  helpful.\n/no_think \u2603"}
    for name, messages in base.items():
        yield name, messages
        yield name + "+system", [system] + messages
    yield "system", [system]
    yield "system_parts", [{"role": "system", "content": [{"type": "text", "text": "Kind."}]},
                           user("Hi")]
    yield "late_system", [user("Hi"), answer, system, user("Go on")]


SETTINGS = [{}, {"enable_thinking": True}, {"enable_thinking": False},
            {"thinking": True, "reasoning_effort": "high", "date_string": "26 Jul 2026"},
            {"documents": DOCUMENTS, "citations": True, "builtin_tools": ["wolfram_alpha"],
             "xml_tools": TOOLS, "python_tools": [], "keep_past_thinking": True,
             "reasoning_effort": "low", "custom_instructions": "Be brief.", "preserve_thinking": True,
             "clear_thinking": False, "thinking_mode": "on", "thinking_budget": 512}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def matrix(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.jinja"))):
        with open(path, encoding="utf-8", newline="") as file:
            template = file.read()
        for (title, messages), tools, ask, (i, more) in itertools.product(
                conversations(), (None, TOOLS), (True, False), enumerate(SETTINGS)):
            if i > 0 and random.random() < 0.85:  # all for the plain setting, some for the rest
                continue
            emit(f"{os.path.basename(path)} {title} {'tools' if tools else '-'} {ask} {i}", template,
                 {"messages": messages, "tools": tools, "documents": None,
                  "add_generation_prompt": ask, **TOKENS, **more})


def own(path):
    variables = {
        "messages": conversations_list(), "tools": TOOLS, "n": 3, "zero": 0, "f": 2.5, "t": True,
        "none_value": None, "s": "Hello, W\u00f6rld", "empty": "", "list": [3, 1, 2],
        "words": ["pear", "Apple", "fig", "apple"], "nested": [[1, 2], [3, [4, 5]]],
        "d": {"b": 1, "a": 2, "items": "mine", "C": {"x": [10, 20]}},
        "users": [{"name": "Zoe", "age": 30, "tags": ["x"], "pet": {"name": "Rex"}},
                  {"name": "adam", "age": 25, "tags": []},
                  {"name": "Bob", "age": 30, "tags": ["y", "z"]}],
        "html": "<b>\"it's\" & more</b>", "lines": "one\ntwo\r\n\nfour\n", "emoji": "a\U0001f600b\u00e9",
    }
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    for part in text.split("=== ")[1:]:
        name, _, template = part.partition("\n")
        emit(name, template[:-1] if template.endswith("\n") else template, variables)
        if name.startswith("lines:"): # every line is a case of its own
            for i, line in enumerate(template.splitlines()):
                emit(f"{name} {i + 1}", line, variables)


def conversations_list():
    return [user("Hi"), {"role": "assistant", "content": "Hello"}, user("Bye")]


own(sys.argv[1])
if len(sys.argv) > 2:
    matrix(sys.argv[2])
