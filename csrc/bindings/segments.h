#pragma once

#include <cstdint>
#include <vector>

#include "bindings/arrays.h"
#include "ops/attention.h"

namespace pyattn::bindings {

/// Of [batch, heads, time, ...].
HeadStrides strides_of(const py::array& array);

/// Python's list of pyattn.segments.KeySegment, checked, with what it refers
/// to. Segments without keys are left out.
class Segments {
 public:
  Segments(const char* operation, py::handle list, const AttentionCall& call);

  const std::vector<BatchSegment>& calls() const { return calls_; }
  int64_t keys() const { return keys_; }

 private:
  void add(const char* operation, size_t index, py::handle object,
           const AttentionCall& call);

  std::vector<BatchSegment> calls_;
  int64_t keys_ = 0;
  std::vector<py::array> arrays_;
};

}  // namespace pyattn::bindings
