#pragma once

#include <cstdint>
#include <vector>

#include "bindings/arrays.h"

// What all kinds of attention take, checked.
namespace pyattn::bindings {

/// Throws unless each is [batch, heads, time, head_dim].
void check_by_heads(const char* operation, const py::array& q,
                    const py::array& k, const py::array& v);

/// [batch], of 0 to time_k.
std::vector<int64_t> lengths_of(const char* operation, py::handle object,
                                int64_t batch, int64_t time_k);

/// 1 / sqrt(head_dim) if it is None.
float scale_of(const char* operation, py::handle scale, int64_t head_dim);

/// 0 if it is None.
float soft_cap_of(const char* operation, py::handle soft_cap);

/// 0 if it is None. No window needs to be above `most`.
int64_t window_of(const char* operation, py::handle window, int64_t most);

}  // namespace pyattn::bindings
