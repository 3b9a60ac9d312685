// Everything pyattn runs on portable follows from its vectors and dot product.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/portable.h"

namespace pyattn {

extern constinit const KernelTable kPortableKernels =
    kernels::level<portable::Vec, portable::Dot>(Isa::kPortable);

}  // namespace pyattn
