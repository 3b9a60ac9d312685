#include "search/options.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "base/check.h"

namespace pyattn {
namespace {

void check_ids(const TargetSpace& space, const char* name,
               std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    check_that(id >= 0 && id < space.vocab, "generate", [&] {
      return std::string(name) + " has id " + std::to_string(id) +
             ", expected 0 to " + std::to_string(space.vocab - 1);
    });
  }
}

}  // namespace

void check_options(const TargetSpace& space, const SearchOptions& options) {
  check_ids(space, "target_prefix", options.target_prefix);
  check_ids(space, "end_tokens", options.end_tokens);
  check_ids(space, "suppress_tokens", options.suppress_tokens);
  check_ids(space, "begin_suppress_tokens", options.begin_suppress_tokens);
  for (const SequenceBias& one : options.sequence_bias) {
    check_ids(space,
              one.bias > -INFINITY ? "sequence_bias" : "suppress_sequences",
              one.tokens);
  }
  if (options.forced_bos_token != -1) {
    check_ids(space, "forced_bos_token", {&options.forced_bos_token, 1});
  }
  const int64_t fed = options.certain_prefix();
  check_that(
      options.max_new_tokens + fed <= space.max_positions, "generate", [&] {
        return "max_new_tokens is " + std::to_string(options.max_new_tokens) +
               (fed == 0
                    ? std::string()
                    : " behind a target_prefix of " + std::to_string(fed)) +
               ", expected at most the model's " +
               std::to_string(space.max_positions) + " positions";
      });
  const std::vector<int32_t> end = {space.end};
  const std::vector<int32_t>& ends =
      options.end_tokens.empty() ? end : options.end_tokens;
  int64_t left = space.vocab - static_cast<int64_t>(ends.size());
  for (const int32_t id : options.suppress_tokens) {
    left -= std::find(ends.begin(), ends.end(), id) == ends.end() ? 1 : 0;
  }
  check(left > 0, "generate",
        "suppress_tokens has the whole vocabulary, expected some to be left "
        "besides the end");
}

int32_t SearchOptions::max_tokens(size_t source) const {
  if (max_length_factor == 0) {
    return max_new_tokens;
  }
  const double most =
      std::ceil(double{max_length_factor} * static_cast<double>(source));
  return most < max_new_tokens ? std::max(static_cast<int32_t>(most), 1)
                               : max_new_tokens;
}

int32_t search_width(const SearchOptions& options) {
  if (options.return_alternatives) {
    return options.num_hypotheses * options.beam_size;
  }
  const bool samples = options.do_sample && options.beam_size == 1;
  return samples ? options.num_hypotheses : options.beam_size;
}

}  // namespace pyattn
