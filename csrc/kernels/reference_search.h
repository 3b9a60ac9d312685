#pragma once

#include "kernels/table.h"

// What a search of the vocabulary computes, by its definition; see
// reference.cc.
namespace pyattn {

void reference_bounds(const LinearArgs& args);
void reference_bound_row(const BoundRowArgs& args);
void reference_dots(const DotsArgs& args);

}  // namespace pyattn
