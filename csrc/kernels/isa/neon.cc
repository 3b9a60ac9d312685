// Everything pyattn runs on neon follows from its vectors and dot product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/neon.h"

namespace pyattn {

extern constinit const KernelTable kNeonKernels =
    kernels::level<neon::Vec, neon::Dot>(Isa::kNeon);

}  // namespace pyattn
