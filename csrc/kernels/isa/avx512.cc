// Everything pyattn runs on avx512 follows from its vectors and dot product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx512.h"

namespace pyattn {

extern constinit const KernelTable kAvx512Kernels =
    kernels::level<avx512::Vec, avx512::Dot>(Isa::kAvx512);

}  // namespace pyattn
