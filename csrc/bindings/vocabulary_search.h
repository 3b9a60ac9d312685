#pragma once

#include "bindings/arrays.h"
#include "ops/vocabulary_search.h"

namespace pyattn::bindings {

/// A search of an output's columns from a
/// pyattn.search_parts.SearchParts; nothing of that is read later.
std::unique_ptr<VocabularySearch> search_from(const PackedLinear& output,
                                              const py::handle& parts);

/// Columns [first, first + count) of an output as they are multiplied, and
/// their biases: [count, in], [count].
py::tuple output_rows(const PackedLinear& output, int64_t first, int64_t count);

}  // namespace pyattn::bindings
