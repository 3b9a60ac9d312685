"""Jinja for templates of strangers: on top of its sandbox, a budget and a list of what is allowed.

A template is a program, and comes with a model from anywhere. It has loops, functions and the
methods of texts. Every loop and every call counts as a step, and every value that an operation
makes is measured; operations that could make much of little are measured before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, BuiltinMethodType
from typing import Any

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.visitor import NodeTransformer

from pyattn.text.chat import filters
from pyattn.text.chat.values import budget, held

_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha"),
            *("isdigit", "islower", "isnumeric", "isspace", "isupper", "join", "lower", "lstrip"),
            *("partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex"),
            *("rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip"),
            *("title", "upper"),
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
}
_TESTS = (
    *("!=", "<", "<=", "==", ">", ">=", "boolean", "defined", "divisibleby", "eq", "equalto"),
    *("even", "false", "float", "ge", "greaterthan", "gt", "in", "integer", "iterable", "le"),
    *("lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas", "sequence"),
    *("string", "true", "undefined", "upper"),
)
_REFUSED = (
    *(nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block),
    *(nodes.FilterBlock, nodes.Pow, nodes.ScopedEvalContextModifier),
)
_MADE = (
    *(nodes.Add, nodes.Call, nodes.Concat, nodes.Dict, nodes.Filter, nodes.List, nodes.Mod),
    *(nodes.Mul, nodes.Tuple),
)
_HELD, _COUNTED = "_held", "_counted"


class _Generation(Extension):
    """`{% generation %}`, with which training programs find what the model said: just its body."""

    tags = frozenset({"generation"})  # type: ignore[assignment]  # nothing changes it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of chat templates."""

    intercepted_binops = frozenset({"*", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            # Nothing is computed while a template is compiled, when there is no budget.
            optimized=False,
            cache_size=0,
            extensions=[_Generation, loopcontrols],
        )
        self.filters = {**filters.FILTERS, _HELD: held, _COUNTED: _counted}
        self.tests = {name: self.tests[name] for name in _TESTS}
        self.globals = {
            "range": safe_range,
            "namespace": filters.Values,
            "dict": filters.new_dict,
            "raise_exception": filters.raise_exception,
            "strftime_now": filters.strftime_now,
        }
        self._functions = frozenset(self.globals.values())

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """The text of a function or a block."""
        return filters.join(pieces)

    def template(self, source: str) -> Template:
        """A compiled template, whose values count.

        Raises:
            TemplateSyntaxError: if it is malformed, or does what it may not.
        """
        tree = self._parse(source, None, None)
        for node in tree.find_all(_REFUSED):
            raise TemplateSyntaxError(f"{type(node).__name__} is not allowed", node.lineno)
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                raise TemplateSyntaxError("recursive loops are not allowed", loop.lineno)
        code = self.compile(_Measured().visit(tree))
        return self.template_class.from_code(self, code, self.make_globals(None))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """A product or a remainder, of numbers; or a text some times over."""
        if operator == "*":
            for one, times in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(times, int):
                    budget().check(len(one) * max(times, 0))
        elif not isinstance(left, int | float):
            raise SecurityError(f"{operator} is for numbers")
        return super().call_binop(context, operator, held(left), held(right))

    def call(
        __self,  # as in Jinja: a template may name an argument `self`
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """A call of one of the functions of templates, or of an allowed method."""
        budget().step()
        if isinstance(__obj, BuiltinMethodType | BuiltinFunctionType):
            owner, name = __obj.__self__, __obj.__name__
            kind = next((kind for kind in _METHODS if isinstance(owner, kind)), None)
            if kind is None or name not in _METHODS[kind]:
                raise SecurityError(f"{name}() is not allowed")
            if kind is str and name in ("replace", "join"):
                return getattr(filters, name)(
                    *((owner, *args) if name == "replace" else (*args, owner)), **kwargs
                )
        elif not (
            isinstance(__obj, Macro)
            or isinstance(getattr(__obj, "__self__", None), LoopContext)
            or (callable(__obj) and __obj in __self._functions)
        ):
            raise SecurityError(f"{__obj!r:.60} may not be called")
        return super().call(__context, __obj, *args, **kwargs)


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    own = budget()
    for item in items:
        own.step()
        yield item


class _Measured(NodeTransformer):
    """Puts every loop and every operation that makes something under the budget."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        node = super().generic_visit(node, *args, **kwargs)
        if isinstance(node, nodes.For):
            node.iter = _filtered(node.iter, _COUNTED)
        made = isinstance(node, _MADE) or _is_slice(node)
        if not made or getattr(node, "ctx", "load") != "load":
            return node
        # The filters of a block have nothing in front of them.
        if isinstance(node, nodes.Filter) and (node.node is None or node.name.startswith("_")):
            return node
        return _filtered(node, _HELD)

    def visit_CallBlock(self, node: nodes.CallBlock, *_: Any, **__: Any) -> nodes.Node:
        # Its call has to stay one.
        call = node.call
        call.args = [self.visit(one) for one in call.args]
        node.body = [self.visit(one) for one in node.body]
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock, *_: Any, **__: Any) -> nodes.Node:
        node.body = [self.visit(one) for one in node.body]
        return node


def _is_slice(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
