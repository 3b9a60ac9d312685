#pragma once

#include "kernels/generic/attention.h"
#include "kernels/generic/attention_step.h"
#include "kernels/generic/bounds.h"
#include "kernels/generic/elementwise.h"
#include "kernels/generic/linear.h"
#include "kernels/generic/linear_attention.h"
#include "kernels/generic/linear_grouped.h"
#include "kernels/generic/linear_int4.h"
#include "kernels/generic/norm.h"
#include "kernels/generic/prepare.h"
#include "kernels/generic/product.h"
#include "kernels/generic/vocabulary.h"
#include "kernels/table.h"

// What a level of instructions runs, made from its vector type and its dot
// product of int8. A page of isa/ replaces what its CPUs do otherwise.
namespace pyattn::kernels {

/// The table of a level whose CPUs multiply no bfloat16: those weights become
/// float32 on their way into a product.
///
/// `consteval` has the compiler make the table. So this function is a symbol of
/// no object, and kernels that a page replaces are in none either.
template <class Vec, class Dot>
consteval KernelTable level(Isa isa) {
  return {
      .isa = isa,
      .lanes = Vec::kWidth,
      .panel = Vec::kPanelVecs * Vec::kWidth,
      .least = Dot::kLeast,
      .products = {{.run = linear<Float32Product<Vec>>},
                   {.run = linear<BFloat16Product<Vec>>},
                   {.run = linear<Int8Product<Vec, Dot>>,
                    .words = Words::kInt8},
                   {.run = linear_int4<Vec, Dot>,
                    .words = Words::kInt8,
                    .steps = kInt4Steps,
                    .most_rows = Dot::kMostInt4Rows},
                   {.run = linear_grouped<Vec, Dot>,
                    .words = Words::kInt8Groups,
                    .steps = kInputGroupSteps}},
      .expand = expand<Vec, Dot>,
      .prepare = prepare<Vec, Dot::kLeast>,
      .layer_norm = norm<Vec, LayerNorm<Vec>, Dot::kLeast>,
      .rms_norm = norm<Vec, RmsNorm<Vec>, Dot::kLeast>,
      .attention = attention<Float32Words<Vec>>,
      .attention_bfloat16 = attention<Float32Words<Vec>>,
      .attention_step = attention_step<Float32Cache<Vec>>,
      .attention_step_bfloat16 = attention_step<BFloat16Cache<Vec>>,
      .attention_step_int8 = attention_step<Int8Cache<Vec>>,
      .heads_to_int8 = heads_to_int8<Vec>,
      .linear_attention = linear_attention<Vec>,
      .ssru = ssru<Vec>,
      .gate = gate<Vec>,
      .soft_cap = soft_cap<Vec>,
      .embed = embed<Vec>,
      .log_sum_exp = log_sum_exp<Vec>,
      .top_k = top_k<Vec>,
      .bounds = linear<BoundProduct<Vec, Dot>>,
      .bound_row = bound_row<Vec, Dot::kLeast>,
      .dots = dots<Dot>,
  };
}

}  // namespace pyattn::kernels
