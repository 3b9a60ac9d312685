#pragma once

#include <memory>

#include "bindings/arrays.h"
#include "search/search.h"

namespace pyattn::bindings {

/// A pyattn.options.GenerationOptions, which has been validated.
std::shared_ptr<const SearchOptions> options_from(py::handle from);

/// An iterable of pairs of a layer and a head.
AlignmentHeads alignment_heads_from(py::handle from);

}  // namespace pyattn::bindings
