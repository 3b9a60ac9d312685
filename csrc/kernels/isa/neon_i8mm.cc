// What pyattn runs on neon_i8mm, whose CPUs multiply two rows of int8 by two
// columns.
#include "kernels/generic/level.h"
#include "kernels/generic/linear_pairs.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/neon.h"

namespace pyattn {
namespace {

using neon_i8mm::Dot;
using neon_i8mm::Vec;

consteval KernelTable level() {
  KernelTable table = kernels::level<Vec, Dot>(Isa::kNeonI8mm);
  table.products[static_cast<int>(DType::kInt8)] = {
      .run = kernels::linear<kernels::PairedInt8Product<Vec, Dot>>,
      .words = Words::kInt8};
  return table;
}

}  // namespace

extern constinit const KernelTable kNeonI8mmKernels = level();

}  // namespace pyattn
