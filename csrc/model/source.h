#pragma once

#include <cstdint>
#include <vector>

namespace pyattn {

/// What an encoder reads.
struct Source {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;    // of each token; empty: all are of type 0
  std::vector<int32_t> globals;  // positions of global tokens, ascending
};

/// Sources, concatenated without padding.
struct Ragged {
  std::vector<int32_t> ids, types;
  std::vector<int64_t> starts = {0};  // of sources, and the end of the last
  std::vector<int32_t> globals;       // positions in their own source
  std::vector<int64_t> global_starts = {0};

  void add(const Source& source);
  int64_t sequences() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t tokens() const { return starts.back(); }
  int64_t time(int64_t s) const { return starts[s + 1] - starts[s]; }
};

}  // namespace pyattn
