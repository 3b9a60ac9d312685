#include "kernels/dispatch.h"

#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "kernels/isa/tables.h"

namespace pyattn {
namespace {

const char* forced_level() {
  const char* forced = std::getenv("PYATTN_ISA");
  return forced == nullptr ? "" : forced;
}

// For emulators: the level that PYATTN_ISA names is there, whatever the CPU
// says.
bool taken_on_trust(Isa isa) {
  const char* trust = std::getenv("PYATTN_ISA_UNVERIFIED");
  return trust != nullptr && std::string(trust) == "1" &&
         isa_name(isa) == std::string(forced_level());
}

// Asking Linux for AMX has a price: from then on the process may not have small
// signal stacks. Who wants another level need not pay it.
bool not_to_be_asked(Isa isa) {
  const std::string forced = forced_level();
  return isa == Isa::kAmx && !forced.empty() && forced != isa_name(isa);
}

struct Levels {
  std::vector<const KernelTable*> tables;
  // The others, by name, and why they are not here.
  std::vector<std::pair<std::string, std::string>> missing;
};

std::string why_not(Isa isa) {
  if (taken_on_trust(isa)) {
    return "";
  }
  return not_to_be_asked(isa) ? "PYATTN_ISA names another level"
                              : obstacle(isa);
}

Levels look_for_levels() {
  Levels levels;
  for (const KernelTable* table : {
#if defined(__x86_64__)
           &kAmxKernels,
           &kAvx512Bf16Kernels,
           &kAvx512VnniKernels,
           &kAvx512Kernels,
           &kAvx2Kernels,
#elif defined(__aarch64__)
           &kNeonI8mmKernels,
           &kNeonDotprodKernels,
           &kNeonKernels,
#endif
           &kPortableKernels,
           &kReferenceKernels,
       }) {
    const std::string why = why_not(table->isa);
    if (why.empty()) {
      levels.tables.push_back(table);
    } else {
      levels.missing.emplace_back(isa_name(table->isa), why);
    }
  }
  return levels;
}

const Levels& levels() {
  static const Levels found = look_for_levels();
  return found;
}

}  // namespace

const std::vector<const KernelTable*>& kernel_tables() {
  return levels().tables;
}

const KernelTable& kernels_named(const std::string& isa) {
  std::string names;
  for (const KernelTable* table : kernel_tables()) {
    if (isa == isa_name(table->isa)) {
      return *table;
    }
    names += names.empty() ? "" : ", ";
    names += isa_name(table->isa);
  }
  std::string why;
  for (const auto& [name, reason] : levels().missing) {
    why = name == isa ? " (" + reason + ")" : why;
  }
  throw ArgumentError("isa: this machine does not run '" + isa + "'" + why +
                      ", expected one of " + names);
}

const KernelTable& default_kernels() {
  const std::string forced = forced_level();
  return forced.empty() ? *kernel_tables().front() : kernels_named(forced);
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kInt8:
      return "int8";
    case DType::kInt4:
      return "int4";
    case DType::kInt8Grouped:
      return "int8_grouped";
  }
  return "unknown";
}

DType dtype_named(const char* operation, const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kInt8,
                            DType::kInt4, DType::kInt8Grouped}) {
    if (name == dtype_name(dtype)) {
      return dtype;
    }
  }
  throw ArgumentError(
      std::string(operation) + ": dtype is '" + name +
      "', expected float32, bfloat16, int8, int4 or int8_grouped");
}

}  // namespace pyattn
