#pragma once

#include "kernels/table.h"

namespace pyattn {

/// Layer norm of NormArgs, split over threads.
void layer_norm(const KernelTable& table, const NormArgs& args);

/// RMS norm of NormArgs, split over threads.
void rms_norm(const KernelTable& table, const NormArgs& args);

}  // namespace pyattn
