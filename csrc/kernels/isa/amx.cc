// Everything pyattn runs on amx, on one page.
#include "kernels/generic/attention.h"
#include "kernels/generic/attention_step.h"
#include "kernels/generic/attention_tiles.h"
#include "kernels/generic/elementwise.h"
#include "kernels/generic/linear.h"
#include "kernels/generic/linear_tiles.h"
#include "kernels/generic/norm.h"
#include "kernels/generic/prepare.h"
#include "kernels/generic/vocabulary.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/amx.h"
#include "kernels/vec/avx512.h"

namespace pyattn {

using amx::Dot;
using amx::Vec;
using BFloat16 = amx::TiledBFloat16<kernels::Float32Product<Vec>>;
using Int8 = kernels::Int8Product<Vec, Dot>;

extern const KernelTable kAmxKernels = {
    .isa = Isa::kAmx,
    .lanes = Vec::kWidth,
    .panel = Vec::kPanelVecs * Vec::kWidth,
    .products =
        {{.run = kernels::linear<kernels::Float32Product<Vec>>},
         {.run = kernels::linear_tiles<BFloat16>,
          .words = Words::kBFloat16,
          .steps = kernels::kTileSide,
          .rows = kernels::kTileSide},
         {.run = kernels::linear_tiles_or_vectors<amx::TiledInt8<Int8>, Int8>,
          .words = Words::kInt8,
          .steps = kernels::kTileSide,
          .rows = kernels::kTileSide}},
    .prepare = kernels::prepare<Vec, Dot::kLeast>,
    .layer_norm = kernels::norm<Vec, kernels::LayerNorm<Vec>, Dot::kLeast>,
    .rms_norm = kernels::norm<Vec, kernels::RmsNorm<Vec>, Dot::kLeast>,
    .attention = kernels::attention<kernels::Float32Words<Vec>>,
    .attention_bfloat16 = kernels::attention_on_tiles<
        kernels::TiledBFloat16Words<Vec, amx::PairDot, amx::Tiles>>,
    .attention_step = kernels::attention_step<kernels::Float32Cache<Vec>>,
    .attention_step_bfloat16 =
        kernels::attention_step<kernels::BFloat16Cache<Vec>>,
    .ssru = kernels::ssru<Vec>,
    .gate = kernels::gate<Vec>,
    .soft_cap = kernels::soft_cap<Vec>,
    .embed = kernels::embed<Vec>,
    .log_sum_exp = kernels::log_sum_exp<Vec>,
    .top_k = kernels::top_k<Vec>,
};

}  // namespace pyattn
