#include "kernels/dispatch.h"

#include <cstdlib>

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

std::vector<const KernelTable*> supported_tables() {
  std::vector<const KernelTable*> tables;
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
    if (not_to_be_asked(table->isa)) {
      continue;
    }
    if (cpu_supports(table->isa) || taken_on_trust(table->isa)) {
      tables.push_back(table);
    }
  }
  return tables;
}

}  // namespace

const std::vector<const KernelTable*>& kernel_tables() {
  static const std::vector<const KernelTable*> tables = supported_tables();
  return tables;
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
  throw ArgumentError("isa: this machine does not run '" + isa +
                      "', expected one of " + names);
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
  }
  return "unknown";
}

DType dtype_named(const char* operation, const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kInt8}) {
    if (name == dtype_name(dtype)) {
      return dtype;
    }
  }
  throw ArgumentError(std::string(operation) + ": dtype is '" + name +
                      "', expected float32, bfloat16 or int8");
}

}  // namespace pyattn
