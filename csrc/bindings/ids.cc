#include "bindings/ids.h"

#include <map>
#include <set>
#include <utility>

namespace pyattn::bindings {
namespace {

bool is_text(py::handle object) {
  return py::isinstance<py::str>(object) || py::isinstance<py::bytes>(object);
}

// `place` says where the ids stand.
Sequence sequence_from(const std::string& place, py::handle object) {
  const auto refuse = [&place] {
    PyErr_Clear();
    throw py::type_error(place + " is not a list of ids");
  };
  if (is_text(object) || PySequence_Check(object.ptr()) == 0 ||
      !py::isinstance<py::iterable>(object)) {
    refuse();
  }
  using Ids = py::array_t<int32_t>;
  if (Ids::check_(object)) {
    const auto ids = py::reinterpret_borrow<Ids>(object);
    if (ids.ndim() == 1) {  // without an object for each id
      const auto at = ids.unchecked<1>();
      Sequence sequence(static_cast<size_t>(at.shape(0)));
      for (size_t i = 0; i < sequence.size(); ++i) {
        sequence[i] = at(static_cast<py::ssize_t>(i));
      }
      return sequence;
    }
  }
  Sequence sequence;
  for (const py::handle id : py::reinterpret_borrow<py::iterable>(object)) {
    const py::object index =
        py::reinterpret_steal<py::object>(PyNumber_Index(id.ptr()));
    if (!index) {
      refuse();
    }
    sequence.push_back(id_from(place, index));
  }
  return sequence;
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
    sequences.push_back(sequence_from(std::string(operation) + ": " + what +
                                          " " +
                                          std::to_string(sequences.size()),
                                      item));
  }
  return sequences;
}

std::vector<Source> sources_from(const char* operation, py::handle ids,
                                 py::handle types, py::handle globals) {
  std::vector<Source> sources;
  for (Sequence& sequence : sequences_from(operation, "source", ids)) {
    sources.push_back({std::move(sequence), {}, {}});
  }
  const auto add = [&](const char* what, py::handle lists,
                       Sequence Source::* field) {
    if (lists.is_none()) {
      return;
    }
    std::vector<Sequence> sequences = sequences_from(operation, what, lists);
    check_that(sequences.size() == sources.size(), operation, [&] {
      return "there are " + std::string(what) + "s for " +
             std::to_string(sequences.size()) + " sources, expected " +
             std::to_string(sources.size());
    });
    for (size_t i = 0; i < sources.size(); ++i) {
      sources[i].*field = std::move(sequences[i]);
    }
  };
  add("type", types, &Source::types);
  add("global_token", globals, &Source::globals);
  return sources;
}

std::vector<std::shared_ptr<const Sequence>> shortlists_from(
    const py::sequence& object) {
  std::map<PyObject*, std::shared_ptr<const Sequence>> seen;
  std::map<Sequence, std::shared_ptr<const Sequence>> known;
  std::vector<std::shared_ptr<const Sequence>> shortlists;
  const py::list kept(object);
  for (const py::handle item : kept) {
    std::shared_ptr<const Sequence>& shortlist = seen[item.ptr()];
    if (shortlist == nullptr && !item.is_none()) {
      Sequence ids = sequence_from(
          "generate: shortlist " + std::to_string(shortlists.size()), item);
      std::shared_ptr<const Sequence>& same = known[ids];
      if (same == nullptr) {
        same = std::make_shared<const Sequence>(std::move(ids));
      }
      shortlist = same;
    }
    shortlists.push_back(shortlist);
  }
  return shortlists;
}

}  // namespace pyattn::bindings
