#include "bindings/ids.h"

#include <set>
#include <utility>

namespace pyattn::bindings {
namespace {

bool is_text(py::handle object) {
  return py::isinstance<py::str>(object) || py::isinstance<py::bytes>(object);
}

}  // namespace

int32_t id_from(const std::string& place, py::handle integer) {
  int overflow = 0;
  const long long id = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  if (overflow != 0 || id < INT32_MIN || id > INT32_MAX) {
    throw ArgumentError(place + " has id " + std::string(py::str(integer)) +
                        ", expected one of the vocabulary");
  }
  return static_cast<int32_t>(id);
}

std::vector<int32_t> id_set_from(const std::string& place, py::handle ids) {
  std::set<int32_t> unique;
  for (const py::handle id : ids) {
    unique.insert(id_from(place, id));
  }
  return {unique.begin(), unique.end()};
}

std::vector<Sequence> sequences_from(const char* operation, const char* what,
                                     py::handle object) {
  if (is_text(object) || !py::isinstance<py::iterable>(object)) {
    throw py::type_error(std::string(operation) + ": " + what + "s are " +
                         Py_TYPE(object.ptr())->tp_name +
                         ", expected a list of lists of ids");
  }
  std::vector<Sequence> sequences;
  for (const py::handle item : py::reinterpret_borrow<py::iterable>(object)) {
    const std::string place = std::string(operation) + ": " + what + " " +
                              std::to_string(sequences.size());
    const auto refuse = [&place] {
      PyErr_Clear();
      throw py::type_error(place + " is not a list of ids");
    };
    if (is_text(item) || PySequence_Check(item.ptr()) == 0 ||
        !py::isinstance<py::iterable>(item)) {
      refuse();
    }
    Sequence sequence;
    for (const py::handle id : py::reinterpret_borrow<py::iterable>(item)) {
      const py::object index =
          py::reinterpret_steal<py::object>(PyNumber_Index(id.ptr()));
      if (!index) {
        refuse();
      }
      sequence.push_back(id_from(place, index));
    }
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

}  // namespace pyattn::bindings
