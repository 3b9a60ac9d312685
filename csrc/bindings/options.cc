#include "bindings/options.h"

#include <cmath>
#include <string>
#include <utility>

#include "bindings/ids.h"

namespace pyattn::bindings {
namespace {

EarlyStopping early_stopping_from(py::handle value) {
  if (!py::isinstance<py::str>(value)) {
    return value.cast<bool>() ? EarlyStopping::kFull
                              : EarlyStopping::kHeuristic;
  }
  return value.cast<std::string>() == "never" ? EarlyStopping::kNever
                                              : EarlyStopping::kBest;
}

std::vector<int32_t> ids_from(const std::string& place, py::handle ids) {
  std::vector<int32_t> list;
  for (const py::handle id : ids) {
    list.push_back(id_from(place, id));
  }
  return list;
}

// An optional number, or what stands for none.
template <class T>
T number_or(py::handle from, const char* name, T none) {
  const py::object value = from.attr(name);
  return value.is_none() ? none : value.cast<T>();
}

void read_lengths(py::handle from, SearchOptions& options) {
  options.max_new_tokens = field<int32_t>(from, "max_new_tokens");
  options.min_new_tokens = field<int32_t>(from, "min_new_tokens");
  options.max_length_factor = field<float>(from, "max_length_factor");
  options.end_tokens =
      ids_from("generate: end_tokens", from.attr("end_tokens"));
  options.return_end_token = field<bool>(from, "return_end_token");
  options.force_end = field<bool>(from, "force_end");
}

void read_prefix(py::handle from, SearchOptions& options) {
  options.target_prefix =
      ids_from("generate: target_prefix", from.attr("target_prefix"));
  options.prefix_bias_beta = field<float>(from, "prefix_bias_beta");
  options.return_prefix = field<bool>(from, "return_prefix");
  options.end_behind_prefix = field<bool>(from, "end_behind_prefix");
  const py::object first = from.attr("forced_bos_token");
  options.forced_bos_token =
      first.is_none() ? -1 : id_from("generate: forced_bos_token", first);
}

void read_constraints(py::handle from, SearchOptions& options) {
  options.suppress_tokens =
      id_set_from("generate: suppress_tokens", from.attr("suppress_tokens"));
  options.begin_suppress_tokens = id_set_from(
      "generate: begin_suppress_tokens", from.attr("begin_suppress_tokens"));
  for (const py::handle tokens : from.attr("suppress_sequences")) {
    options.sequence_bias.push_back(
        {ids_from("generate: suppress_sequences", tokens), -INFINITY});
  }
  for (const py::handle item : from.attr("sequence_bias")) {
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(item);
    options.sequence_bias.push_back(
        {ids_from("generate: sequence_bias", pair[0]), pair[1].cast<float>()});
  }
  options.repetition_penalty = field<float>(from, "repetition_penalty");
  options.encoder_repetition_penalty =
      field<float>(from, "encoder_repetition_penalty");
  options.no_repeat_ngram_size = field<int32_t>(from, "no_repeat_ngram_size");
  options.encoder_no_repeat_ngram_size =
      field<int32_t>(from, "encoder_no_repeat_ngram_size");
  options.history_counts_start = field<bool>(from, "history_counts_start");
  options.renormalize = field<bool>(from, "renormalize");
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
  options.patience = field<double>(from, "patience");
  options.early_stopping = early_stopping_from(from.attr("early_stopping"));
  options.max_time = number_or<double>(from, "max_time", INFINITY);
  options.length_penalty = field<float>(from, "length_penalty");
  options.length_counts_prefix = field<bool>(from, "length_counts_prefix");
  options.coverage_penalty = field<float>(from, "coverage_penalty");
  read_lengths(from, options);
  read_prefix(from, options);
  read_constraints(from, options);
  options.return_alternatives = field<bool>(from, "return_alternatives");
  options.min_alternative_expansion_prob =
      field<float>(from, "min_alternative_expansion_prob");
  options.do_sample = field<bool>(from, "do_sample");
  options.temperature = field<float>(from, "temperature");
  options.top_k = field<int32_t>(from, "top_k");
  options.top_p = field<float>(from, "top_p");
  options.min_p = field<float>(from, "min_p");
  options.seed = field<uint64_t>(from, "seed");
  options.scores = field<bool>(from, "scores");
  options.alignment = field<bool>(from, "alignment");
  if (options.alignment || options.coverage_penalty != 0) {
    options.alignment_heads =
        alignment_heads_from(from.attr("alignment_heads"));
  }
  return std::make_shared<const SearchOptions>(std::move(options));
}

}  // namespace pyattn::bindings
