#pragma once

#include "kernels/table.h"

// One per page of this folder; dispatch.cc picks among those that are built.
namespace pyattn {

extern const KernelTable kReferenceKernels;
extern const KernelTable kPortableKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const KernelTable kAmxKernels;
extern const KernelTable kNeonKernels;
extern const KernelTable kNeonDotprodKernels;
extern const KernelTable kNeonI8mmKernels;

}  // namespace pyattn
