// The searches with scripted answers in the place of a model. Prints a line for
// every fact: "ok: NAME", or "FAILED: NAME: REASON".
#include <cstdio>
#include <exception>

#include "facts.h"

int main() {
  int failed = 0;
  for (const auto& facts :
       {search_test::facts_of_searches(), search_test::facts_of_options(),
        search_test::facts_of_chance()}) {
    for (const search_test::Fact& fact : facts) {
      try {
        fact.check();
        std::printf("ok: %s\n", fact.name);
      } catch (const std::exception& error) {
        std::printf("FAILED: %s: %s\n", fact.name, error.what());
        ++failed;
      }
    }
  }
  return failed == 0 ? 0 : 1;
}
