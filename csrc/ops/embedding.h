#pragma once

#include <cstdint>
#include <span>

#include "kernels/table.h"
#include "ops/stored.h"

namespace pyattn {

/// y[row] = tokens[ids[row]] * scale + positions[position_ids[row]].
struct EmbedCall {
  const StoredMatrix& tokens;             // [vocab, dim]
  std::span<const int32_t> ids;           // [rows]
  const float* positions;                 // [max_positions, dim], or null
  std::span<const int32_t> position_ids;  // [rows]
  float* y;                               // [rows, dim]
  int64_t dim;
  float scale;
};

/// Split over threads.
void embed(const KernelTable& table, const EmbedCall& call);

}  // namespace pyattn
