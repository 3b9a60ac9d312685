#include "model/source.h"

namespace pyattn {

void Ragged::add(const Source& source) {
  ids.insert(ids.end(), source.ids.begin(), source.ids.end());
  types.insert(types.end(), source.types.begin(), source.types.end());
  types.resize(ids.size(), 0);
  starts.push_back(static_cast<int64_t>(ids.size()));
  globals.insert(globals.end(), source.globals.begin(), source.globals.end());
  global_starts.push_back(static_cast<int64_t>(globals.size()));
}

}  // namespace pyattn
