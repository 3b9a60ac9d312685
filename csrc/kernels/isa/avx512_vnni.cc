// Everything pyattn runs on avx512_vnni follows from its vectors and dot
// product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx512.h"

namespace pyattn {

extern constinit const KernelTable kAvx512VnniKernels =
    kernels::level<avx512_vnni::Vec, avx512_vnni::Dot>(Isa::kAvx512Vnni);

}  // namespace pyattn
