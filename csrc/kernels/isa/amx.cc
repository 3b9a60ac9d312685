// What pyattn runs on amx, whose tiles multiply bfloat16 and int8.
#include "kernels/generic/attention_tiles.h"
#include "kernels/generic/level.h"
#include "kernels/generic/linear_tiles.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/amx.h"
#include "kernels/vec/avx512.h"

namespace pyattn {
namespace {

using amx::Dot;
using amx::Vec;
using BFloat16 = amx::TiledBFloat16<kernels::Float32Product<Vec>>;
using Int8 = kernels::Int8Product<Vec, Dot>;

consteval KernelTable level() {
  KernelTable table = kernels::level<Vec, Dot>(Isa::kAmx);
  table.products[static_cast<int>(DType::kBFloat16)] = {
      .run = kernels::linear_tiles<BFloat16>,
      .words = Words::kBFloat16,
      .steps = kernels::kTileSide,
      .rows = kernels::kTileSide};
  table.products[static_cast<int>(DType::kInt8)] = {
      .run = kernels::linear_tiles_or_vectors<amx::TiledInt8<Int8>, Int8>,
      .words = Words::kInt8,
      .steps = kernels::kTileSide,
      .rows = kernels::kTileSide};
  // The input suits both the product of few rows and, expanded, int8's.
  table.products[static_cast<int>(DType::kInt4)].steps = kernels::kTileSide;
  table.products[static_cast<int>(DType::kInt4)].rows = kernels::kTileSide;
  table.attention_bfloat16 = kernels::attention_on_tiles<
      kernels::TiledBFloat16Words<Vec, amx::PairDot, amx::Tiles>>;
  return table;
}

}  // namespace

extern constinit const KernelTable kAmxKernels = level();

}  // namespace pyattn
