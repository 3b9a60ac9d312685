#pragma once

#include "kernels/table.h"

namespace pyattn {

/// The least int8 of an input: see PrepareArgs.
inline constexpr int kReferenceLeast = -128;

void reference_prepare(const PrepareArgs& args);
void reference_heads_to_int8(const HeadsToInt8Args& args);

}  // namespace pyattn
