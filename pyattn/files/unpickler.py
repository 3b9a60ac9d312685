"""A pickle machine that can build the contents of PyTorch's files, and nothing else.

Python's own unpickler with `find_class` restricted still allocates by claimed sizes and still sets
attributes of what it may reach. So the standard library only decodes the instructions here
(`pickletools`), and the few that PyTorch writes (protocol 2) are carried out below, on plain data:
a global is a name that is looked up in a list, never imported and never called.
"""

from __future__ import annotations

import dataclasses
import pickletools
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn

from pyattn.errors import ModelError
from pyattn.files.reading import bare

_PROTOCOL = 2
_ORDERED_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_NAMESPACE = "argparse.Namespace"
_KNOWN = frozenset({_ORDERED_DICT, _TENSOR, _PARAMETER, _NAMESPACE})

# The classes that name the dtype of a storage, and our names of these dtypes.
_STORAGES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A run of numbers, kept elsewhere in the file under `key`."""

    key: str
    dtype: str
    count: int


@dataclasses.dataclass(frozen=True)
class StridedTensor:
    """A tensor over a storage; nothing about it is checked against the storage yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Namespace:
    """The attributes of an `argparse.Namespace`, in which training programs keep their settings."""

    values: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Global:
    name: str


def unpickle(stream: IO[bytes], file: str) -> Any:
    """The value of the pickle that a stream stands at; leaves it at the pickle's end.

    Args:
        stream: Bytes; its `read` must not allocate by what it is asked for, as a file's does.
        file: Name of the file, for errors.

    Returns:
        dicts (whose keys are strings or integers), lists, tuples, strings, numbers, None,
        `StridedTensor`s and `Namespace`s.

    Raises:
        ModelError: if the pickle does anything else, or is malformed.
    """
    return _Machine(file).run(_instructions(stream, file))


def _instructions(stream: IO[bytes], file: str) -> Iterator[tuple[str, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            yield opcode.name, argument
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{file}: malformed pickle: {error!s:.200}") from None


class _Machine:
    """The stack and the memo of pickle, for the instructions that PyTorch writes."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []  # what was on the stack below each mark
        self._memo: dict[int, Any] = {}

    def run(self, instructions: Iterator[tuple[str, Any]]) -> Any:
        for name, argument in instructions:
            if name == "STOP":
                return self._pop()
            if name in _LITERALS:
                self._stack.append(_LITERALS[name](argument))
            elif name in _METHODS:
                _METHODS[name](self, argument)
            else:
                self._fail(f"pickle instruction {name}, which PyTorch does not write")
        return self._fail("pickle without an end")

    def _fail(self, problem: str) -> NoReturn:
        raise ModelError(f"{self._file}: {problem}")

    def _pop(self) -> Any:
        if not self._stack:
            self._fail("malformed pickle: its stack is empty")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            self._fail(f"malformed pickle: no {kind.__name__} to fill")
        return self._stack[-1]

    def _since_mark(self) -> list[Any]:
        if not self._outer:
            self._fail("malformed pickle: no mark on its stack")
        items, self._stack = self._stack, self._outer.pop()
        return items

    def protocol(self, version: int) -> None:
        if version != _PROTOCOL:
            self._fail(f"pickle protocol {version}, expected {_PROTOCOL}, PyTorch's own")

    def mark(self, _: Any) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def tuple(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(tuple(items))

    def tuple1(self, _: Any) -> None:
        self._stack.append((self._pop(),))

    def tuple2(self, _: Any) -> None:
        last = self._pop()
        self._stack.append((self._pop(), last))

    def tuple3(self, _: Any) -> None:
        last, middle = self._pop(), self._pop()
        self._stack.append((self._pop(), middle, last))

    def put(self, index: int) -> None:
        value = self._pop()
        self._stack.append(value)
        self._memo[index] = value

    def get(self, index: int) -> None:
        if index not in self._memo:
            self._fail(f"malformed pickle: nothing was put at {index}")
        self._stack.append(self._memo[index])

    def append(self, _: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def appends(self, _: Any) -> None:
        values = self._since_mark()
        self._top(list).extend(values)

    def set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def set_items(self, _: Any) -> None:
        self._set(self._since_mark())

    def _set(self, items: list[Any]) -> None:
        target = self._top(dict)
        if len(items) % 2:
            self._fail("malformed pickle: a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                self._fail(f"dict with a key of type {type(key).__name__}, expected str")
            target[key] = value

    def global_(self, argument: str) -> None:
        # pickletools puts a space between the module and the name.
        name = argument.replace(" ", ".")
        if name not in _KNOWN and name not in _STORAGES:
            self._fail(
                f"refused to unpickle {bare(name)}: files of weights hold tensors only "
                f"(save the model's state_dict, best as safetensors)"
            )
        self._stack.append(_Global(name))

    def reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        match function, arguments:
            case _Global(name), () if name == _ORDERED_DICT:
                self._stack.append({})
            case _Global(name), (StridedTensor() as tensor, bool(), *_) if name == _PARAMETER:
                self._stack.append(tensor)
            case _Global(name), (
                Storage() as storage,
                int(offset),
                tuple(shape),
                tuple(strides),
                bool(),
                *_,
            ) if name == _TENSOR and _integers(shape) and _integers(strides):
                self._stack.append(StridedTensor(storage, offset, shape, strides))
            case _:
                self._fail("malformed pickle: a tensor is not made of what PyTorch makes it of")

    def new_object(self, _: Any) -> None:
        match self._pop(), self._pop():
            case (), _Global(name) if name == _NAMESPACE:
                self._stack.append(Namespace({}))
            case _:
                self._fail("malformed pickle: an object of what PyTorch makes none")

    def build(self, _: Any) -> None:
        state = self._pop()
        if self._stack and isinstance(self._stack[-1], Namespace):
            if not isinstance(state, dict) or not all(type(name) is str for name in state):
                self._fail("malformed pickle: a Namespace without attributes")
            self._stack[-1].values.update(state)
        else:
            self._top(dict)  # whose state is what state dicts say about versions of modules

    def persistent(self, _: Any) -> None:
        match self._pop():
            # Files from before PyTorch 1.6 say None more, where the storage is no part of another.
            case ("storage", _Global(name), str(key), str(), int(count), *rest) if (
                name in _STORAGES and rest in ([], [None])
            ):
                self._stack.append(Storage(key, _STORAGES[name], count))
            case _:
                self._fail("malformed pickle: a storage is not what PyTorch makes it")


def _integers(values: tuple[Any, ...]) -> bool:
    return all(type(value) is int for value in values)


def _itself(argument: Any) -> Any:
    return argument


# Instructions that push a value, which does not depend on the stack.
_LITERALS: dict[str, Callable[[Any], Any]] = {
    "NONE": _itself,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
} | dict.fromkeys(
    ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"), _itself
)

_METHODS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple,
    "TUPLE1": _Machine.tuple1,
    "TUPLE2": _Machine.tuple2,
    "TUPLE3": _Machine.tuple3,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.global_,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new_object,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
    "PROTO": _Machine.protocol,
}
