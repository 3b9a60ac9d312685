#include "ops/norm.h"

#include "base/check.h"
#include "base/threads.h"
#include "ops/rows.h"

namespace pyattn {
namespace {

void norm(void (*kernel)(const NormArgs&), const NormArgs& args) {
  parallel_for(args.rows, grain(args.dim), [&](int64_t begin, int64_t end) {
    NormArgs part = args;
    part.x += begin * args.x_stride;
    part.y += begin * args.y_stride;
    if (part.words.data != nullptr) {
      part.words = rows_from(args.words, begin);
    }
    part.rows = end - begin;
    kernel(part);
  });
}

}  // namespace

void layer_norm(const KernelTable& table, const NormArgs& args) {
  check(args.dim > 0, "layer_norm", "x has rows of length 0");
  norm(table.layer_norm, args);
}

void rms_norm(const KernelTable& table, const NormArgs& args) {
  check(args.dim > 0, "rms_norm", "x has rows of length 0");
  norm(table.rms_norm, args);
}

}  // namespace pyattn
