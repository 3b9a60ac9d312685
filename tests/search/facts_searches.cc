// Greedy search, beam search and alternatives: what they find, when they end,
// and why.
#include <cmath>
#include <limits>
#include <string>

#include "base/check.h"
#include "facts.h"

namespace search_test {
namespace {

using pyattn::EarlyStopping;

constexpr uint32_t kSeeds = 20;
constexpr EarlyStopping kKinds[] = {EarlyStopping::kHeuristic,
                                    EarlyStopping::kFull, EarlyStopping::kNever,
                                    EarlyStopping::kBest};

Task random_task(uint32_t seed) {
  return {.model = random_model(seed, 0.5F), .options = default_options()};
}

Task beam_task(uint32_t seed, int32_t beam_size) {
  Task task = random_task(seed);
  task.options.beam_size = task.options.num_hypotheses = beam_size;
  return task;
}

// A model whose logits depend on the number of new tokens alone, by step; what
// is left of a step's probability is shared by the other tokens. After the last
// step all tokens are equally probable.
struct Likely {
  double end, first;  // of kEnd and of token 1
};
Model model_by_steps(const std::vector<Likely>& steps) {
  return [steps](const Sequence& target) {
    const size_t step = target.size() - 1;
    std::vector<float> logits(kVocab, 0.0F);
    if (step < steps.size()) {
      const double rest = 1 - steps[step].end - steps[step].first;
      std::fill(logits.begin(), logits.end(),
                static_cast<float>(std::log(rest / (kVocab - 2))));
      logits[kEnd] = static_cast<float>(std::log(steps[step].end));
      logits[1] = static_cast<float>(std::log(steps[step].first));
    }
    return logits;
  };
}

// Token 1, and after `length` of them the end.
Model model_of_length(size_t length) {
  return model_by_steps([length] {
    std::vector<Likely> steps(length, {.end = 1e-6, .first = 0.99});
    steps.push_back({.end = 0.99, .first = 1e-3});
    return steps;
  }());
}

std::string error_of(const Task& task) {
  try {
    run(task);
  } catch (const pyattn::ArgumentError& error) {
    return error.what();
  }
  return "none";
}

void greedy_takes_the_best_token_of_every_step() {
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    const Task task = random_task(seed);
    expect_same(run(task).found, {slow_greedy(task, {})},
                "seed " + std::to_string(seed));
  }
}

void lowest_of_equal_tokens_is_taken() {
  Task task = random_task(0);
  task.model = [](const Sequence&) {
    return std::vector<float>{0.0F, 0.0F, 2.0F, 1.0F, 2.0F, 2.0F};
  };
  expect_tokens(run(task).found[0].tokens, {2, 2, 2, 2, 2, 2}, "greedy");
  task.options.beam_size = 2;
  expect_tokens(run(task).found[0].tokens, {2, 2, 2, 2, 2, 2}, "beam");
}

void beam_that_prunes_nothing_finds_all_targets_in_order() {
  for (const float penalty : {-0.5F, 0.0F, 0.6F, 1.0F, 2.0F}) {
    Task task = beam_task(static_cast<uint32_t>(10 * penalty + 10), 256);
    task.options.early_stopping = EarlyStopping::kNever;
    task.options.length_penalty = penalty;
    task.options.max_new_tokens = 3;
    const auto all = all_targets(task);
    expect(all.size() == 1 + 5 + 25 * 6, "number of targets");
    expect_same(run(task).found, all,
                "length_penalty " + std::to_string(penalty));
  }
}

void coverage_penalty_counts_all_attention_of_a_target() {
  for (const bool prefix : {false, true}) {
    Task task = beam_task(3, 256);
    task.options.early_stopping = EarlyStopping::kNever;
    task.options.max_new_tokens = 3;
    task.options.coverage_penalty = 0.7F;
    task.options.alignment_heads = {{0, 0}};
    task.options.return_prefix = false;
    task.options.target_prefix = prefix ? Sequence{3, 4} : Sequence{};
    task.source = {1, 2, 3};
    task.attention = random_attention(8, 3);
    expect_same(run(task).found, all_targets(task),
                prefix ? "with a prefix" : "without a prefix");
  }
}

void narrow_beam_is_its_slow_definition() {
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    for (const EarlyStopping kind : kKinds) {
      for (const float penalty : {-0.5F, 0.0F, 0.6F, 1.5F}) {
        Task task = beam_task(seed, 2 + static_cast<int32_t>(seed % 3));
        task.options.early_stopping = kind;
        task.options.length_penalty = penalty;
        task.options.patience = seed % 2 == 0 ? 1 : 2;
        const SlowBeam wanted = slow_beam(task);
        const Outcome outcome = run(task);
        const std::string what = "seed " + std::to_string(seed) + ", kind " +
                                 std::to_string(static_cast<int>(kind));
        expect_same(outcome.found, wanted.found, what);
        expect(outcome.steps == wanted.steps, what + ": steps");
      }
    }
  }
}

void beam_may_refuse_late_ends_behind_a_prefix() {
  int different = 0;
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    Task task = beam_task(seed, 3);
    task.model = random_model(seed, 1.5F);
    task.options.target_prefix = {3};
    task.options.return_prefix = false;
    const std::vector<Found> before = run(task).found;
    task.options.end_behind_prefix = false;
    const std::vector<Found> found = run(task).found;
    expect_same(found, slow_beam(task).found, "seed " + std::to_string(seed));
    different += found.back().tokens != before.back().tokens ? 1 : 0;
  }
  expect(different > 0, "the option changes nothing");
}

// A beam of 2 that wants 2 targets; length_penalty 1. Sums of
// log-probabilities:
//  step 1: "end" -0.80 ranks first: kBest, which wants 1 target, ends.
//  step 2: "1 end" -2.12, of rank -1.06: there are 2, and kFull ends; "1 1"
//  goes
//          on with -1.43, which is -0.71 at its length and beats -1.06.
//  step 3: "1 1 end" has rank -1.00; the best live one has -3.20, which at its
//          length is -1.07: kHeuristic ends. At length 6 it would be -0.53.
//  step 4: the best live one has -4.99; at length 6 -0.83.
//  step 5: it has -6.79; at length 6 -1.13, and kNever ends.
void every_kind_of_early_stopping_ends_at_its_step() {
  const int wanted[] = {3, 2, 5, 1};
  for (size_t i = 0; i < 4; ++i) {
    Task task = beam_task(0, 2);
    task.options.num_hypotheses = 1;
    task.options.early_stopping = kKinds[i];
    task.model = model_by_steps({{.end = 0.45, .first = 0.40},
                                 {.end = 0.30, .first = 0.60},
                                 {.end = 0.21, .first = 0.17}});
    const Outcome outcome = run(task);
    expect(outcome.steps == wanted[i],
           "kind " + std::to_string(i) + ": " + std::to_string(outcome.steps) +
               " steps, expected " + std::to_string(wanted[i]));
    expect_tokens(outcome.found[0].tokens, {}, "the best");
    expect_near(outcome.found[0].score, std::log(0.45), "its score");
  }
}

// Every search, as the change to the options that asks for it.
const std::vector<void (*)(SearchOptions&)> kSearches = {
    [](SearchOptions&) {},
    [](SearchOptions& options) { options.beam_size = 3; },
    [](SearchOptions& options) { options.do_sample = true; },
    [](SearchOptions& options) {
      options.do_sample = true;
      options.beam_size = 2;
    },
    [](SearchOptions& options) { options.return_alternatives = true; }};

Task task_of_length(size_t length, int32_t max_new_tokens, bool force_end,
                    void (*search)(SearchOptions&)) {
  Task task = random_task(0);
  task.model = model_of_length(length);
  task.options.max_new_tokens = max_new_tokens;
  task.options.force_end = force_end;
  task.options.temperature = 1e-3F;  // certain, where tokens are drawn
  search(task.options);
  return task;
}

void expect_end(const Task& task, size_t tokens, FinishReason reason,
                const std::string& what) {
  const Found found = run(task).found.at(0);
  expect_tokens(found.tokens, Sequence(tokens, 1), what);
  expect(found.reason == reason, what + ": another reason");
}

void end_and_length_are_told_apart() {
  for (size_t i = 0; i < kSearches.size(); ++i) {
    const std::string which = "search " + std::to_string(i);
    const auto task = [&](size_t length, int32_t most, bool force_end) {
      return task_of_length(length, most, force_end, kSearches[i]);
    };
    expect_end(task(3, 6, false), 3, FinishReason::kEnd, which + ", early end");
    expect_end(task(3, 4, false), 3, FinishReason::kEnd,
               which + ", last place");
    expect_end(task(3, 3, false), 3, FinishReason::kLength, which + ", cut");
    // An end that the length forces, not the model, even where both would.
    expect_end(task(5, 4, true), 3, FinishReason::kLength, which + ", forced");
    expect_end(task(3, 4, true), 3, FinishReason::kLength, which + ", both");
    expect_end(task(3, 5, true), 3, FinishReason::kEnd, which + ", not forced");
  }
}

void forced_end_costs_nothing() {
  Task task = random_task(1);
  task.model = random_model(1, -9.0F);
  task.options.force_end = true;
  task.options.max_new_tokens = 3;
  expect_same(run(task).found, {slow_greedy(task, {})}, "greedy");
  expect(run(task).found[0].token_scores.at(2) == 0, "score of the end");
  task.options.beam_size = task.options.num_hypotheses = 4;
  expect_same(run(task).found, slow_beam(task).found, "beam");
}

void max_length_factor_rounds_up_and_leaves_a_token() {
  const auto length = [](float factor, size_t source) {
    Task task = random_task(0);
    task.model = model_of_length(5);
    task.options.max_length_factor = factor;
    task.source = Sequence(source, 1);
    const Found found = run(task).found.at(0);
    expect(found.reason == (found.tokens.size() == 5 ? FinishReason::kEnd
                                                     : FinishReason::kLength),
           "another reason");
    return found.tokens.size();
  };
  expect(length(0.0F, 1) == 5, "no factor");
  expect(length(0.5F, 3) == 2, "half of 3");
  expect(length(0.01F, 3) == 1, "a hundredth of 3");
  expect(length(1.0F, 4) == 4, "4");
  expect(length(100.0F, 4) == 5, "far more");
}

void alternatives_are_the_best_first_tokens_each_continued() {
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    Task task = random_task(seed);
    task.options.num_hypotheses = 3;
    const std::vector<double> first = slow_scores(task, {});
    Sequence order = {0, 1, 2, 3, 4, 5};
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return first[static_cast<size_t>(a)] > first[static_cast<size_t>(b)];
    });
    std::vector<Target> wanted;
    for (size_t i = 0; i < 3; ++i) {
      Target target = slow_greedy(task, {order[i]});
      const double own = target.scores[0];
      const double count = static_cast<double>(target.tokens.size()) - 1;
      target.rank = own + (count == 0 ? 0 : (target.total() - own) / count);
      wanted.push_back(target);
    }
    task.options.return_alternatives = true;
    const std::string what = "seed " + std::to_string(seed);
    expect_same(run(task).found, wanted, what);

    // Those at least as probable as the second.
    task.options.min_alternative_expansion_prob = static_cast<float>(
        std::exp(first[static_cast<size_t>(order[1])]) - 1e-5);
    wanted.pop_back();
    expect_same(run(task).found, wanted, what + ", only two");
    task.options.min_alternative_expansion_prob = 1;
    expect(run(task).found.size() == 1, what + ": the best is always there");
  }
}

void alternative_branches_may_be_beams() {
  Task task = random_task(4);
  task.options.return_alternatives = true;
  task.options.num_hypotheses = 4;
  task.options.beam_size = 256;
  task.options.max_new_tokens = 3;
  task.options.early_stopping = EarlyStopping::kNever;
  task.options.length_penalty = 0;
  // Of all targets with its first token, each is the best.
  const std::vector<Target> all = all_targets(task);
  for (const Found& found : run(task).found) {
    const int32_t first = found.tokens.empty() ? kEnd : found.tokens[0];
    const auto best = std::find_if(
        all.begin(), all.end(),
        [first](const Target& one) { return one.tokens[0] == first; });
    expect_same({found}, {*best}, "first token " + std::to_string(first));
  }
}

void prefix_is_fed_and_returned_with_scores_of_zero() {
  Task task = random_task(5);
  task.options.target_prefix = {3, 4};
  task.options.alignment = true;
  task.options.alignment_heads = {{0, 0}};
  task.attention = random_attention(2, 2);
  Target wanted = slow_greedy(task, {});
  const Found found = run(task).found.at(0);
  Sequence tokens = {3, 4};
  tokens.insert(tokens.end(), wanted.tokens.begin(), wanted.tokens.end());
  std::vector<float> attention;
  Sequence target = {kStart};
  for (const int32_t token : tokens) {
    for (const float weight : task.attention(target)) {
      attention.push_back(weight);
    }
    target.push_back(token);
  }
  expect(found.alignment == attention, "alignment");
  expect(found.token_scores.size() == tokens.size(), "number of scores");
  expect(found.token_scores[0] == 0 && found.token_scores[1] == 0,
         "scores of the prefix");
  expect_near(found.score, wanted.rank, "score");
  if (tokens.back() == kEnd) {
    tokens.pop_back();
  }
  expect_tokens(found.tokens, tokens, "whole target");
  task.options.return_prefix = false;
  expect_same(run(task).found, {wanted}, "new tokens only");
  task.options.length_counts_prefix = true;
  expect_near(run(task).found[0].score,
              wanted.total() / static_cast<double>(wanted.tokens.size() + 2),
              "a length that counts the prefix");
}

void stopped_search_returns_what_it_has() {
  for (size_t i = 0; i < kSearches.size(); ++i) {
    for (const int steps : {0, 1, 2}) {
      Session session(task_of_length(5, 6, false, kSearches[i]));
      for (int step = 0; step < steps; ++step) {
        session.step();
      }
      session.search().stop();
      const std::string what =
          "search " + std::to_string(i) + " after " + std::to_string(steps);
      expect(session.is_over(), what + ": goes on");
      const Found best = session.search().results().at(0);
      expect_tokens(best.tokens, Sequence(static_cast<size_t>(steps), 1), what);
      expect(best.reason == FinishReason::kTimeout, what + ": another reason");
    }
  }
}

void tokens_are_decided_one_by_one_except_in_a_beam() {
  Session greedy(task_of_length(5, 6, false, kSearches[0]));
  for (size_t count = 1; count <= 6; ++count) {
    greedy.step();
    expect(greedy.search().decided().tokens.size() == count, "greedy search");
  }
  Session beam(task_of_length(5, 6, false, kSearches[1]));
  while (!beam.is_over()) {
    beam.step();
    expect(beam.search().decided().tokens.empty(), "beam search");
  }
}

void row_that_no_token_may_follow_is_an_error() {
  for (size_t i = 0; i < kSearches.size(); ++i) {
    Task task = task_of_length(5, 6, false, kSearches[i]);
    const auto refused = [&](const std::string& what) {
      expect(
          error_of(task).find("no token may follow") != std::string::npos,
          "search " + std::to_string(i) + ", " + what + ": " + error_of(task));
    };
    task.options.suppress_tokens = {0, 1, 2, 3, 4, 5};
    refused("all suppressed");
    task.options.suppress_tokens = {};
    task.model = [](const Sequence&) {
      return std::vector<float>(kVocab,
                                std::numeric_limits<float>::quiet_NaN());
    };
    refused("not a number");
  }
}

}  // namespace

std::vector<Fact> facts_of_searches() {
  return {
      {"greedy takes the best token of every step",
       greedy_takes_the_best_token_of_every_step},
      {"the lowest of equal tokens is taken", lowest_of_equal_tokens_is_taken},
      {"a beam that prunes nothing finds all targets in order",
       beam_that_prunes_nothing_finds_all_targets_in_order},
      {"the coverage penalty counts all attention of a target",
       coverage_penalty_counts_all_attention_of_a_target},
      {"a narrow beam is its slow definition",
       narrow_beam_is_its_slow_definition},
      {"a beam may refuse late ends behind a prefix",
       beam_may_refuse_late_ends_behind_a_prefix},
      {"every kind of early stopping ends at its step",
       every_kind_of_early_stopping_ends_at_its_step},
      {"end and length are told apart", end_and_length_are_told_apart},
      {"a forced end costs nothing", forced_end_costs_nothing},
      {"max_length_factor rounds up and leaves a token",
       max_length_factor_rounds_up_and_leaves_a_token},
      {"alternatives are the best first tokens, each continued",
       alternatives_are_the_best_first_tokens_each_continued},
      {"branches of alternatives may be beams",
       alternative_branches_may_be_beams},
      {"a prefix is fed, and returned with scores of zero",
       prefix_is_fed_and_returned_with_scores_of_zero},
      {"a stopped search returns what it has",
       stopped_search_returns_what_it_has},
      {"tokens are decided one by one, except in a beam",
       tokens_are_decided_one_by_one_except_in_a_beam},
      {"a row that no token may follow is an error",
       row_that_no_token_may_follow_is_an_error},
  };
}

}  // namespace search_test
