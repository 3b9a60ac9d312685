#include "ops/embedding.h"

#include "base/threads.h"

namespace pyattn {
namespace {

EmbedArgs rows_of(const EmbedCall& call, int64_t begin, int64_t end) {
  return {.table = static_cast<const float*>(call.tokens.data),
          .ids = call.ids.data() + begin,
          .positions = call.positions,
          .position_ids = call.position_ids.data() + begin,
          .y = call.y + begin * call.dim,
          .rows = end - begin,
          .dim = call.dim,
          .scale = call.scale};
}

// A row of tokens that are not float32: it is converted in the place of the
// result, which then serves as a table of one row.
void embed_converted(const KernelTable& table, const EmbedCall& call,
                     int64_t row) {
  constexpr int32_t kOnlyRow = 0;
  EmbedArgs args = rows_of(call, row, row + 1);
  read_row(call.tokens, *args.ids, args.dim, args.y);
  args.table = args.y;
  args.ids = &kOnlyRow;
  table.embed(args);
}

}  // namespace

void embed(const KernelTable& table, const EmbedCall& call) {
  parallel_for(static_cast<int64_t>(call.ids.size()), grain(call.dim),
               [&](int64_t begin, int64_t end) {
                 if (call.tokens.is_floats()) {
                   table.embed(rows_of(call, begin, end));
                   return;
                 }
                 for (int64_t row = begin; row < end; ++row) {
                   embed_converted(table, call, row);
                 }
               });
}

}  // namespace pyattn
