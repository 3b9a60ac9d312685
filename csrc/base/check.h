#pragma once

#include <stdexcept>
#include <string>

namespace pyattn {

/// An argument that does not fit; becomes ValueError in Python. The message
/// reads "operation: argument has X, expected Y".
class ArgumentError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Throws ArgumentError "operation: complaint" unless `fine`.
inline void check(bool fine, const char* operation, const char* complaint) {
  if (!fine) {
    throw ArgumentError(std::string(operation) + ": " + complaint);
  }
}

/// The same, for messages that must be put together: `complaint` is a callable
/// that returns the text, so that a check that holds costs no string.
template <class Complaint>
void check_that(bool fine, const char* operation, Complaint&& complaint) {
  if (!fine) {
    throw ArgumentError(std::string(operation) + ": " + complaint());
  }
}

}  // namespace pyattn
