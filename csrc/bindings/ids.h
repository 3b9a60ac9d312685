#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "engine/request.h"

namespace pyattn::bindings {

/// A Python integer as an id; `place` says where it stands. Whether it is one
/// of the vocabulary's is for the engine to say, unless no vocabulary is so
/// large.
int32_t id_from(const std::string& place, py::handle integer);

/// Ids in any order, each once, ascending.
std::vector<int32_t> id_set_from(const std::string& place, py::handle ids);

/// Lists of ids. Anything else is refused by name; a list is read by index.
std::vector<Sequence> sequences_from(const char* operation, const char* what,
                                     py::handle object);

/// Sources: lists of ids, and lists of the types of their tokens and of the
/// positions of their global tokens, or None for either.
std::vector<Source> sources_from(const char* operation, py::handle ids,
                                 py::handle types, py::handle globals);

/// The ids that each sentence's target may have, or null where there is None.
/// Equal ones are one object.
std::vector<std::shared_ptr<const Sequence>> shortlists_from(
    const py::sequence& object);

}  // namespace pyattn::bindings
