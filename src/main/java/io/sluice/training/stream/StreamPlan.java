package io.sluice.training.stream;

import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.Reading;
import io.sluice.store.StoreSpec;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * Which rows of a capture are trained on at which step. The rows, in the order of a store, are cut
 * into windows. Steps draw from one window after the other, each shuffled as a store is, as many
 * batches as it has; rows that do not fill a batch are passed over. After the last window the first
 * comes again, in another order. One window that has all rows is as a store: its batches go on
 * without end.
 *
 * <p>Which tokens a rule leaves out by their ids is known when the steps are planned, but not which
 * it leaves out by their norms. A window that lacks them gives as many batches as planned: the last
 * ones have tokens again that came before.
 *
 * <p>Planning reads and tokenises the texts once, as for a store. All of it follows from the texts,
 * the tokenizer and the settings.
 */
public final class StreamPlan {
  /** Between the seeds of windows; odd, so that no two of a run are the same. */
  private static final long WINDOW_SEEDS = 0x9E3779B97F4A7C15L;

  private final Capture capture;
  private final LoadedModel model;
  private final CaptureSpec spec;
  private final BufferSize size;
  private final int checksum;

  /** Tokens of each window that are trained on. */
  private final long[] tokens;

  private final Map<Integer, StreamSteps> steps = new HashMap<>();

  private StreamPlan(
      Capture capture,
      LoadedModel model,
      CaptureSpec spec,
      BufferSize size,
      int checksum,
      long[] tokens) {
    this.capture = capture;
    this.model = model;
    this.spec = spec;
    this.size = size;
    this.checksum = checksum;
    this.tokens = tokens;
  }

  /**
   * What all runs on a stream share.
   *
   * @param batch tokens per step, the most if they differ
   * @param heldOut the share of the first window's tokens that is held out; 0 for none
   * @param dataSeed decides which
   * @param fromPosition the first position of a context that is used; empty for the model's
   */
  public record Rule(int batch, double heldOut, long dataSeed, OptionalInt fromPosition) {}

  /**
   * Plans.
   *
   * @param spec what is captured
   * @param buffer the most bytes that shards take on the disk at a time
   * @throws IOException as {@link Capture#plan}, or if the texts have not a batch of tokens
   * @throws IllegalArgumentException as {@link Capture#plan}, or if the buffer is too small
   */
  public static StreamPlan of(LoadedModel model, CaptureSpec spec, long buffer, Rule rule)
      throws IOException {
    BufferSize size =
        BufferSize.of(
            buffer,
            Capture.columns(model, spec),
            rule.batch(),
            rule.heldOut(),
            spec.contexts().context());
    Counts counts =
        new Counts(
            size, rule.fromPosition().orElse(model.firstPosition()), spec.exclusion().tokenIds());
    Capture capture = Capture.planRows(model, spec, counts::add);
    StreamPlan plan =
        new StreamPlan(
            capture, model, spec, size, (int) counts.checksum.getValue(), counts.tokens(rule));
    if (plan.onePass(rule.batch()) == 0) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: has not %,d tokens to train on, one batch; give more text or smaller batches",
              spec.contexts().texts().name(),
              rule.batch()));
    }
    return plan;
  }

  /** Counts the tokens that are used, while the texts are read. */
  private static final class Counts {
    private final BufferSize size;
    private final int firstPosition;
    private final Set<Integer> excluded;
    private final List<Long> used = new ArrayList<>();
    private final HeldOut.Contexts firstWindow = new HeldOut.Contexts();
    private final HeldOut.Contexts all = new HeldOut.Contexts();
    private final CRC32C checksum = new CRC32C();
    private long rows;

    Counts(BufferSize size, int firstPosition, Set<Integer> excluded) {
      this.size = size;
      this.firstPosition = firstPosition;
      this.excluded = excluded;
    }

    void add(Context context, int position, int count) {
      int[] tokens = context.tokens();
      ByteBuffer bytes = ByteBuffer.allocate((tokens.length + 2) * Integer.BYTES);
      bytes.putInt(context.document()).putInt(context.seen());
      for (int token : tokens) {
        bytes.putInt(token);
      }
      checksum.update(bytes.flip());
      for (int i = 0; i < count; i++, rows++) {
        int window = (int) (rows / size.rowsPerWindow());
        if (window == used.size()) {
          used.add(0L);
        }
        boolean isUsed =
            position + i >= firstPosition && !excluded.contains(tokens[context.seen() + i]);
        if (isUsed) {
          used.set(window, used.get(window) + 1);
        }
        if (window == 0) {
          firstWindow.add(position + i, context.document(), isUsed);
        }
        if (rows < size.mostRows()) {
          all.add(position + i, context.document(), isUsed);
        }
      }
    }

    /** Tokens of each window that are trained on. */
    long[] tokens(Rule rule) {
      boolean single = rows <= size.mostRows();
      HeldOut held =
          HeldOut.choose(
              single ? all : firstWindow, rule.heldOut(), rule.dataSeed(), firstPosition);
      long[] tokens =
          single
              ? new long[] {used.stream().mapToLong(Long::longValue).sum()}
              : used.stream().mapToLong(Long::longValue).toArray();
      tokens[0] -= held.tokens();
      return tokens;
    }
  }

  /** The model that runs. */
  LoadedModel model() {
    return model;
  }

  /** What is captured. */
  CaptureSpec spec() {
    return spec;
  }

  /** The capture of all rows. */
  public Capture capture() {
    return capture;
  }

  /** How shards share the buffer. */
  public BufferSize size() {
    return size;
  }

  /** A checksum of all tokens of the texts. */
  int checksum() {
    return checksum;
  }

  /** How many windows the rows are. */
  public int windows() {
    return tokens.length;
  }

  /** Steps of one pass over all windows, by tokens per step. */
  public long onePass(int batch) {
    return steps(batch).onePass();
  }

  /** Which steps draw from which window, by tokens per step. */
  StreamSteps steps(int batch) {
    return steps.computeIfAbsent(batch, size -> new StreamSteps(tokens, size));
  }

  /** Rows of the windows but the last; of a single one all. */
  public long rowsPerWindow() {
    return windows() == 1 ? Math.max(1, capture.rows()) : size.rowsPerWindow();
  }

  /** The most bytes that shards take on the disk at a time. */
  public long mostBytes() {
    return windows() == 1 ? shards(0) * size.shardBytes() : size.bytes();
  }

  /** Shards of a window. */
  int shards(long visit) {
    long from = visit % windows() * rowsPerWindow();
    long rows = Math.min(rowsPerWindow(), capture.rows() - from);
    return (int) Math.ceilDiv(rows, (long) size.rowsPerShard());
  }

  /** What is added to the data seed for a visit; 0 for the first. */
  static long seed(long visit) {
    return visit * WINDOW_SEEDS;
  }

  /**
   * A store of the columns that are captured, to check configurations before they are.
   *
   * @param folder is named in messages
   */
  ActivationStore withoutRows(Path folder) throws IOException {
    return ActivationStore.open(folder, manifest(List.of()), Reading.COPIED);
  }

  /** The manifest of a store of some shards of the ring, which has no file of its own. */
  Manifest manifest(List<Manifest.Shard> shards) {
    return manifest(shards, capture.storeSpec().properties());
  }

  /** The same of which no token is left out. */
  Manifest manifestOfAllTokens(List<Manifest.Shard> shards) {
    Map<String, String> properties = new HashMap<>(capture.storeSpec().properties());
    properties.keySet().removeAll(spec.exclusion().properties().keySet());
    return manifest(shards, properties);
  }

  private Manifest manifest(List<Manifest.Shard> shards, Map<String, String> properties) {
    StoreSpec store = capture.storeSpec();
    return new Manifest(
            store.model(),
            store.text(),
            store.columns(),
            size.rowsPerShard(),
            0,
            true,
            List.of(),
            Map.of(),
            properties,
            "",
            "")
        .withShards(shards, true);
  }
}
