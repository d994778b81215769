package io.sluice.model.capture;

import io.sluice.model.tokens.Context;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Keeps where each batch of a capture begins, and cuts the capture there. */
final class PartCutter {
  private final int batch;
  private final long limit;
  private final List<String> files;
  private final List<Long> lengths = new ArrayList<>();
  private final boolean named;
  private final List<ContextStart> starts = new ArrayList<>();
  private final List<Long> rows = new ArrayList<>();
  private final List<Integer> lastFiles = new ArrayList<>();
  private final DocumentNames names = new DocumentNames();
  private final List<Document> documents = new ArrayList<>();
  private long contexts;
  private long row;

  /** A document and its first row. */
  record Document(String name, long firstRow) {}

  /**
   * @param named whether names of documents are kept
   */
  PartCutter(ContextSpec spec, List<Path> files, boolean named) throws IOException {
    this.named = named;
    this.batch = spec.batch();
    this.limit = spec.tokens();
    this.files = files.stream().map(file -> file.toAbsolutePath().toString()).toList();
    for (Path file : files) {
      lengths.add(CapturePart.length(file));
    }
  }

  /** Takes the next context, which has so many rows. */
  void add(Context context, ContextStart start, int stored) throws IOException {
    if (contexts % batch == 0) {
      starts.add(start);
      rows.add(row);
      lastFiles.add(start.place().file());
    }
    lastFiles.set(lastFiles.size() - 1, start.place().file());
    if (named) {
      names.of(context, row, (name, first) -> documents.add(new Document(name, first)));
    }
    contexts++;
    row += stored;
  }

  /** The documents, by number. */
  List<Document> documents() {
    return documents;
  }

  /**
   * Parts of whole shards, in order.
   *
   * @param rowsPerShard rows in each shard but the last
   * @param least the least rows of a part, but of the last
   */
  List<CapturePart> parts(int rowsPerShard, long least) {
    long rowsPerPart = Math.ceilDiv(Math.max(1, least), rowsPerShard) * (long) rowsPerShard;
    List<CapturePart> parts = new ArrayList<>();
    int first = 0;
    for (long from = 0; from < row; from += rowsPerPart) {
      long to = Math.min(row, from + rowsPerPart);
      while (first + 1 < rows.size() && rows.get(first + 1) <= from) {
        first++;
      }
      int last = first;
      while (last + 1 < rows.size() && rows.get(last + 1) < to) {
        last++;
      }
      parts.add(part(first, last, from, to, rowsPerShard));
    }
    return parts;
  }

  /**
   * Parts of whole batches, in order.
   *
   * @param least the least rows of a part, but of the last
   */
  List<CapturePart> parts(long least) {
    List<CapturePart> parts = new ArrayList<>();
    for (int first = 0; first < rows.size(); ) {
      int last = first;
      while (last + 1 < rows.size() && rows.get(last + 1) - rows.get(first) < least) {
        last++;
      }
      long to = last + 1 < rows.size() ? rows.get(last + 1) : row;
      parts.add(part(first, last, rows.get(first), to, 1));
      first = last + 1;
    }
    return parts;
  }

  /** The first row of the batch that has a row. */
  long beginOfBatch(long of) {
    return rows.get(batchOf(of));
  }

  /** The end of the batch that has a row, exclusive. */
  long endOfBatch(long of) {
    int next = batchOf(of) + 1;
    return next < rows.size() ? rows.get(next) : row;
  }

  /**
   * The rows from one on, as a part that begins with the batch of the row before it.
   *
   * @param from the beginning of a shard
   */
  CapturePart rest(long from, int rowsPerShard) {
    return part(batchOf(Math.max(0, from - 1)), rows.size() - 1, from, row, rowsPerShard);
  }

  /** The part of some rows. */
  CapturePart part(long from, long to, int rowsPerShard) {
    return part(batchOf(from), batchOf(to - 1), from, to, rowsPerShard);
  }

  private int batchOf(long of) {
    int found = Collections.binarySearch(rows, of);
    return found >= 0 ? found : -found - 2;
  }

  /** The part of some batches. */
  private CapturePart part(int first, int last, long from, long to, int rowsPerShard) {
    ContextStart start = starts.get(first);
    int firstFile = start.place().file();
    int endFile = lastFiles.get(last) + 1;
    return new CapturePart(
        files.subList(firstFile, endFile),
        lengths.subList(firstFile, endFile),
        start.place().document(),
        start.document(),
        start.contexts(),
        limit == Long.MAX_VALUE ? limit : limit - start.tokens(),
        rows.get(first),
        from,
        to,
        rowsPerShard);
  }
}
