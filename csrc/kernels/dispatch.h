#pragma once

#include <string>
#include <vector>

#include "kernels/table.h"

namespace pyattn {

/// The tables that this machine runs, best first; the reference is the last.
const std::vector<const KernelTable*>& kernel_tables();

/// The table of that name. Throws ArgumentError if there is none of that name
/// or this machine does not run it; the message says why, where it knows the
/// name, and lists those that it runs.
const KernelTable& kernels_named(const std::string& isa);

/// The table to use where none is asked for: PYATTN_ISA's, or the best.
const KernelTable& default_kernels();

/// "float32", "bfloat16", "int8", "int4".
const char* dtype_name(DType dtype);

/// The number type of that name; throws ArgumentError, on behalf of
/// `operation`, if there is none.
DType dtype_named(const char* operation, const std::string& name);

}  // namespace pyattn
