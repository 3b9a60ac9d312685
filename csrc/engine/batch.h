#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/request.h"
#include "model/cache.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "search/search.h"

namespace pyattn {

/// How much runs at a time. None of it changes a result.
struct Limits {
  int64_t batch_tokens;  // source tokens that are encoded together
  int64_t rows;          // hypotheses that are decoded together
  int64_t cache_bytes;   // what the tokens of all of them may keep
};

/// The sentences that are decoded together, and those that wait for it:
/// continuous batching. A finished sentence leaves at its step, and waiting
/// ones take its place.
///
/// Requests take turns, a sentence each, so that none waits for the end of a
/// long one; of a request the longest sentences go first, since what still runs
/// at its end, when nothing is left to fill the batch with, should be short.
class Batch {
 public:
  Batch(const ModelWeights& weights, const Limits& limits);

  void add(std::shared_ptr<Request> request);

  /// Forgets what nobody waits for any more, and ends what has no time left.
  void drop();

  bool idle() const { return waiting_.empty() && live_.empty(); }

  /// Admits sentences, and decodes a token of every live one.
  void step();

  /// Fails all requests.
  void fail(const std::exception_ptr& error);

  /// Gives memory back while nothing runs.
  void rest() { pool_.trim(); }

 private:
  // A request and its sentences that wait, the next one last.
  struct Waiting {
    std::shared_ptr<Request> request;
    std::vector<size_t> sentences;
    bool served;  // some of its sentences had their turn
  };
  // A sentence of a request.
  struct Place {
    std::shared_ptr<Request> request;
    size_t index;

    const Sentence& sentence() const { return request->sentences()[index]; }
    int64_t tokens() const {
      return static_cast<int64_t>(sentence().source.size());
    }
    int32_t width() const { return search_width(*sentence().options); }
  };
  // A sentence that is being decoded.
  struct Live {
    Place place;
    std::unique_ptr<Search> search;
    // The columns of its shortlist; null is all.
    std::shared_ptr<const Selection> selection;
    Slots source;
    Pasts pasts;
    bool started;  // whether its prefix has been fed
    // Where the answers to its questions are.
    size_t group = 0;
    int64_t first = 0;
  };
  // Questions about the same columns.
  struct Group {
    const Selection* selection;  // null: all of them
    std::vector<int64_t> asked;  // the rows that they are about
    std::vector<Question> questions;
    Answers answers;
  };

  // A search whose prefix is among the rows of the step.
  struct FedPrefix {
    Search* search;
    int64_t begin, end;
  };

  std::unique_ptr<Search> start(const Place& place) const;
  int64_t live_rows() const;
  bool worth_admitting() const;
  bool fits(const Place& place, int64_t more_rows, int64_t more_tokens) const;
  void admit();
  void begin(const std::vector<Place>& places);
  void wait_again(const Place& place);
  int64_t rows_wanted() const;
  bool make_room();
  std::shared_ptr<const Selection> selection_of(const Place& place) const;
  void prepare_rows(Live& live);
  Group& group_of(Live& live);
  void gather_states();
  void answer();
  // Whether the sentence goes on.
  bool advance(Live& live);

  const ModelWeights& weights_;
  const Limits limits_;
  TokenPool pool_;
  std::deque<Waiting> waiting_;  // in the order of their turns
  std::vector<Live> live_;       // in the order of their admission

  // Of the step at hand.
  std::vector<DecoderRow> rows_;
  std::vector<Group> groups_;
  Decoded decoded_;  // once gathered, states of what is asked, by groups
  std::vector<FedPrefix> fed_;
};

}  // namespace pyattn
