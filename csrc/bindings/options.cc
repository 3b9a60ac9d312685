#include "bindings/options.h"

#include <cmath>
#include <utility>

#include "bindings/ids.h"

namespace pyattn::bindings {
namespace {

// An attribute of the options.
template <class T>
T field(py::handle from, const char* name) {
  return from.attr(name).cast<T>();
}

}  // namespace

AlignmentHeads alignment_heads_from(py::handle from) {
  AlignmentHeads heads;
  for (const py::handle pair : from) {
    const auto [layer, head] = pair.cast<std::pair<int32_t, int32_t>>();
    heads.push_back({layer, head});
  }
  return heads;
}

std::shared_ptr<const SearchOptions> options_from(py::handle from) {
  SearchOptions options = {};
  options.beam_size = field<int32_t>(from, "beam_size");
  options.num_hypotheses = field<int32_t>(from, "num_hypotheses");
  options.max_new_tokens = field<int32_t>(from, "max_new_tokens");
  options.min_new_tokens = field<int32_t>(from, "min_new_tokens");
  options.length_penalty = field<float>(from, "length_penalty");
  options.force_end = field<bool>(from, "force_end");
  const py::object early = from.attr("early_stopping");
  options.early_stopping = py::isinstance<py::str>(early)
                               ? EarlyStopping::kNever
                           : early.cast<bool>() ? EarlyStopping::kFull
                                                : EarlyStopping::kHeuristic;
  options.suppressed =
      id_set_from("generate: suppress_tokens", from.attr("suppress_tokens"));
  const py::object seconds = from.attr("max_time");
  options.max_time = seconds.is_none() ? INFINITY : seconds.cast<double>();
  if (field<bool>(from, "alignment")) {
    options.aligned = alignment_heads_from(from.attr("alignment_heads"));
  }
  return std::make_shared<const SearchOptions>(std::move(options));
}

}  // namespace pyattn::bindings
