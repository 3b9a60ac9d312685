// Everything pyattn runs on avx2 follows from its vectors and dot product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx2.h"

namespace pyattn {

extern constinit const KernelTable kAvx2Kernels =
    kernels::level<avx2::Vec, avx2::Dot>(Isa::kAvx2);

}  // namespace pyattn
