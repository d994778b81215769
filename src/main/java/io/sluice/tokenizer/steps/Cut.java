package io.sluice.tokenizer.steps;

import io.sluice.memory.ScratchArrays;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.Occurrences;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.function.IntPredicate;

/** How the separators are treated at which a text is split. */
enum Cut {
  REMOVED,
  ISOLATED,
  MERGED_WITH_PREVIOUS,
  MERGED_WITH_NEXT,
  CONTIGUOUS;

  static Cut read(Component part, String otherwise) throws TokenizerException {
    String name = otherwise == null ? part.text("behavior") : part.text("behavior", otherwise);
    return switch (name) {
      case "Removed" -> REMOVED;
      case "Isolated" -> ISOLATED;
      case "MergedWithPrevious" -> MERGED_WITH_PREVIOUS;
      case "MergedWithNext" -> MERGED_WITH_NEXT;
      case "Contiguous" -> CONTIGUOUS;
      default ->
          throw part.wrong(
              "behavior",
              "must be Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    };
  }

  Splitter at(IntPredicate kind) {
    return at(Occurrences.of(kind));
  }

  /** Splits at a pattern. */
  Splitter at(Occurrences pattern) {
    return splitter(pattern, false);
  }

  /** Splits at what is between a pattern's occurrences. */
  Splitter between(Occurrences pattern) {
    return splitter(pattern, true);
  }

  private Splitter splitter(Occurrences pattern, boolean inverted) {
    return (text, first, sink) -> {
      if (text.isEmpty()) {
        return;
      }
      Ranges ranges = new Ranges(text, first, sink);
      pattern.find(
          text,
          (start, end) -> {
            if (ranges.end < start) {
              ranges.add(start, inverted);
            }
            ranges.add(end, !inverted);
          });
      if (ranges.end < text.length()) {
        ranges.add(text.length(), inverted);
      }
      ranges.finish();
    };
  }

  /** Neighbouring parts of a text, that are split at or not, on their way to pieces. */
  private final class Ranges {
    private final String text;
    private final boolean first;
    private final Splitter.Sink sink;
    private int end;
    private int begun;
    private boolean any;
    private boolean previous;

    /** For what joins with what comes after: ends of parts, negative for those that are kept. */
    private int[] ends = new int[16];

    private int count;

    Ranges(String text, boolean first, Splitter.Sink sink) {
      this.text = text;
      this.first = first;
      this.sink = sink;
    }

    /** The part from where the last one ended. */
    void add(int to, boolean match) throws TokenizerException {
      switch (Cut.this) {
        case ISOLATED -> emit(end, to);
        case REMOVED -> {
          if (!match) {
            emit(end, to);
          }
        }
        case CONTIGUOUS -> joinUnless(match != previous);
        case MERGED_WITH_PREVIOUS -> joinUnless(!match || previous);
        case MERGED_WITH_NEXT -> {
          ends = ScratchArrays.extended(ends, count + 1);
          ends[count++] = match ? to : ~to;
        }
      }
      previous = match;
      any = true;
      end = to;
    }

    private void joinUnless(boolean begins) throws TokenizerException {
      if (begins && any) {
        emit(begun, end);
        begun = end;
      }
    }

    void finish() throws TokenizerException {
      if (Cut.this == CONTIGUOUS || Cut.this == MERGED_WITH_PREVIOUS) {
        emit(begun, end);
      } else if (Cut.this == MERGED_WITH_NEXT) {
        int from = 0;
        for (int i = 0; i < count; i++) {
          int to = Math.max(ends[i], ~ends[i]);
          // A match is joined to the text after it; of several consecutive matches only the last
          // one is.
          boolean joins = ends[i] >= 0 && i + 1 < count && ends[i + 1] < 0;
          if (!joins) {
            emit(from, to);
            from = to;
          }
        }
      }
    }

    private void emit(int from, int to) throws TokenizerException {
      if (from < to) {
        sink.piece(
            from == 0 && to == text.length() ? text : text.substring(from, to), first && from == 0);
      }
    }
  }
}
