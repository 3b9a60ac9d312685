// Everything pyattn runs on neon_dotprod follows from its vectors and dot
// product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/neon.h"

namespace pyattn {

extern constinit const KernelTable kNeonDotprodKernels =
    kernels::level<neon_dotprod::Vec, neon_dotprod::Dot>(Isa::kNeonDotprod);

}  // namespace pyattn
