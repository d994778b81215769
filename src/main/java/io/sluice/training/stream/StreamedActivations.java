package io.sluice.training.stream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.FolderLock;
import io.sluice.store.ActivationStore;
import io.sluice.store.Batch;
import io.sluice.store.BatchPlan;
import io.sluice.store.Batches;
import io.sluice.store.HeldOut;
import io.sluice.store.Reading;
import io.sluice.store.ReservedRows;
import io.sluice.store.RowFilter;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.StoreFolder;
import io.sluice.training.Activations;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * Activations that a model gives while dictionaries are trained on them. A window is captured while
 * the one before it is trained on; both, and the tokens that are held out of the first window, are
 * in a folder of limited size.
 */
final class StreamedActivations implements Activations, AutoCloseable {
  private static final String BUFFER = "buffer";
  private static final String HELD_OUT = "held-out";
  private static final int BATCH = 1024;
  private static final long LOOK_MILLISECONDS = 100;

  private final StreamPlan plan;
  private final Path streamFolder;
  private final Path folder;
  private final FolderLock lock;
  private final TrainingConfig config;
  private final Ring ring;
  private final long last;
  private StreamFile file;
  private ActivationStore first;

  /** The largest norms of tokens that are not left out: multiples of the first window's medians. */
  private Map<String, Double> normLimits = Map.of();

  private Unseen unseen;
  private ActivationStore open;
  private long opened = -1;
  private boolean closed;

  private StreamedActivations(
      StreamPlan plan,
      Path streamFolder,
      Path folder,
      FolderLock lock,
      StreamFile file,
      List<TrainingConfig> configs)
      throws IOException {
    this.plan = plan;
    this.streamFolder = streamFolder;
    this.folder = folder;
    this.lock = lock;
    this.file = file;
    this.config = configs.getFirst();
    this.last =
        configs.stream()
            .mapToLong(each -> visit(each, each.schedule().steps() - 1))
            .max()
            .orElseThrow();
    this.ring = new Ring(plan, folder);
  }

  /**
   * Captures the first window.
   *
   * @param streamFolder the folder of the stream, in which {@code buffer} is made
   * @param file what it is; written before anything is captured, and with each window
   * @param configs those of all runs, which hold out the same tokens
   * @param resumed whether steps from the beginning need not come next
   * @param stops asks to give up
   * @throws IOException if the capture fails, or another run has the folder
   * @throws NotBegunException if it was asked to give up
   */
  static StreamedActivations open(
      StreamPlan plan,
      Path streamFolder,
      StreamFile file,
      List<TrainingConfig> configs,
      boolean resumed,
      BooleanSupplier stops)
      throws IOException {
    Path folder = streamFolder.resolve(BUFFER);
    FolderLock.make(folder, "run");
    FolderLock lock = FolderLock.take(folder, "run");
    StreamedActivations opened = null;
    boolean whole = false;
    try {
      opened = new StreamedActivations(plan, streamFolder, folder, lock, file, configs);
      if (!resumed) {
        // A run that is killed before its first window is there begins again by this.
        file.write(streamFolder, plan.withoutRows(folder));
      }
      opened.ring.start(0, opened.last);
      if (!resumed) {
        opened.ring.allow(1);
      }
      if (!opened.await(0, stops)) {
        throw new NotBegunException();
      }
      opened.begin();
      whole = true;
      return opened;
    } finally {
      if (!whole) {
        if (opened == null) {
          lock.giveUp();
        } else {
          if (!resumed) {
            Files.deleteIfExists(streamFolder.resolve(StreamFile.NAME));
          }
          opened.close();
        }
      }
    }
  }

  /**
   * Deletes what a run that was killed when it had all its results has left of its buffer.
   *
   * @throws IOException if it cannot be deleted, or another run has the folder
   */
  static void deleteBuffer(Path streamFolder) throws IOException {
    Path folder = streamFolder.resolve(BUFFER);
    if (!Files.isDirectory(folder)) {
      return;
    }
    FolderLock lock = FolderLock.take(folder, "run");
    try {
      Ring.clear(folder);
      StoreFolder.delete(folder.resolve(HELD_OUT));
    } finally {
      lock.giveUp();
    }
  }

  /** Bytes of files that a killed run has left in its buffer. */
  static long bufferBytes(Path streamFolder) throws IOException {
    Path folder = streamFolder.resolve(BUFFER);
    long bytes = 0;
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          bytes += Files.size(file);
        }
      }
    }
    return bytes;
  }

  private void begin() throws IOException {
    first = ring.open(0, Map.of());
    normLimits = first.normLimits();
    open = first;
    opened = 0;
    record(0);
    HeldOut heldOut = config.heldOut(first);
    unseen =
        plan.windows() == 1 || heldOut.isEmpty()
            ? new Unseen(first, heldOut.heldOut())
            : new Unseen(copy(heldOut), RowFilter.ALL);
  }

  /** Compares a window with what it was when it was captured before, or keeps its checksum. */
  private void record(long visit) throws IOException {
    int window = (int) (visit % plan.windows());
    int checksum = ring.checksum(visit);
    if (window < file.windows().size()) {
      if (file.windows().get(window) != checksum) {
        throw new IOException(
            String.format(
                Locale.ROOT,
                "%s: window %d of the texts came out with other bits than when the run was begun; go"
                    + " on with the model, the LibTorch and the kind of processor that it was begun"
                    + " with",
                streamFolder.resolve(StreamFile.NAME),
                window));
      }
      return;
    }
    file = file.withWindow(checksum);
    file.write(streamFolder, first);
  }

  /**
   * Copies the held-out tokens of the first window, which goes. Which of them are left out depends
   * on the hook points that a run reads.
   */
  private ActivationStore copy(HeldOut heldOut) throws IOException {
    List<Column> columns = first.columns();
    List<String> names = new ArrayList<>();
    names.addAll(List.of(Column.TOKEN_ID, Column.POSITION, Column.DOCUMENT_ID));
    columns.forEach(column -> names.add(column.name()));
    Path place = folder.resolve(HELD_OUT);
    StoreSpec spec =
        StoreSpec.of(first.manifest().model(), first.manifest().text(), columns)
            .withRowsPerShard(plan.size().rowsPerShard())
            .replacing();
    for (Map.Entry<String, String> rule : first.exclusion().properties().entrySet()) {
      spec = spec.with(rule.getKey(), rule.getValue());
    }
    ActivationStore all = ring.openAll(0);
    Batches batches = all.batches(BatchPlan.sequential(names, BATCH).where(heldOut.heldOut()));
    Manifest manifest;
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      while (batches.hasNext()) {
        Batch batch = batches.next();
        MemorySegment[] values = new MemorySegment[columns.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = batch.data(i + 3);
        }
        int done = 0;
        while (done < batch.rows()) {
          done += append(writer, batch, values, done);
        }
      }
      manifest = writer.finish();
    }
    all.closeFiles();
    return ActivationStore.open(place, manifest, Reading.COPIED, normLimits);
  }

  private static int append(StoreWriter writer, Batch batch, MemorySegment[] values, int done)
      throws IOException {
    ReservedRows room = writer.reserve(batch.rows() - done);
    int count = room.count();
    copy(batch.data(0), done, room.tokenIds(), count, Integer.BYTES);
    copy(batch.data(1), done, room.positions(), count, Integer.BYTES);
    copy(batch.data(2), done, room.documentIds(), count, Integer.BYTES);
    for (int i = 0; i < values.length; i++) {
      MemorySegment target = room.activations().get(i);
      copy(values[i], done, target, count, target.byteSize() / count);
    }
    writer.commit(count);
    return count;
  }

  private static void copy(
      MemorySegment from, int done, MemorySegment to, int count, long rowBytes) {
    MemorySegment.copy(
        from,
        ValueLayout.JAVA_BYTE,
        done * rowBytes,
        to,
        ValueLayout.JAVA_BYTE,
        0,
        count * rowBytes);
  }

  @Override
  public ActivationStore first() {
    return first;
  }

  @Override
  public Unseen unseen(HeldOut heldOut) {
    return unseen;
  }

  @Override
  public boolean prepare(TrainingConfig of, long step, BooleanSupplier stops) throws IOException {
    return prepare(visit(of, step), stops);
  }

  private boolean prepare(long visit, BooleanSupplier stops) throws IOException {
    boolean failed = true;
    try {
      boolean there = visit == opened || capture(visit, stops);
      if (there) {
        ring.allow(visit + 1);
      }
      failed = false;
      return there;
    } finally {
      if (failed) {
        // Its shards go: they may be what has filled the disk.
        close();
      }
    }
  }

  private boolean capture(long visit, BooleanSupplier stops) throws IOException {
    if (!ring.covers(visit)) {
      ring.start(visit, last);
    }
    open.closeFiles();
    ring.release(visit);
    ring.allow(visit + 1);
    if (!await(visit, stops)) {
      return false;
    }
    record(visit);
    open = ring.open(visit, normLimits);
    opened = visit;
    return true;
  }

  @Override
  public boolean rewind(BooleanSupplier stops) throws IOException {
    if (!prepare(0, stops)) {
      return false;
    }
    first = open;
    return true;
  }

  @Override
  public long visit(TrainingConfig of, long step) {
    return plan.steps(of.schedule().batch()).visit(step);
  }

  @Override
  public boolean areCaptured() {
    return true;
  }

  private boolean await(long visit, BooleanSupplier stops) throws IOException {
    while (!ring.has(visit)) {
      if (stops.getAsBoolean()) {
        return false;
      }
      ring.await(visit, LOOK_MILLISECONDS);
    }
    return true;
  }

  @Override
  public Window at(TrainingConfig of, long step) throws IOException {
    StreamSteps steps = plan.steps(of.schedule().batch());
    long visit = steps.visit(step);
    prepare(visit, () -> false);
    RowFilter rows =
        visit % plan.windows() == 0
            ? of.rows(first)
            : RowFilter.fromPosition(of.firstPosition(first));
    return new Window(open, rows, StreamPlan.seed(visit), steps.from(visit), steps.to(visit));
  }

  @Override
  public void describe(ObjectNode settings) {
    file.describe(settings, plan, first);
  }

  @Override
  public void requireSame(JsonNode settings, Path run) throws IOException {
    if (settings.path("storeRows").asLong() != file.rows()
        || !settings.path("storeCreated").asText().equals(file.created())) {
      throw new IOException(
          run + ": is not a run of " + streamFolder.resolve(StreamFile.NAME) + "; restore it");
    }
  }

  /** Ends the capture and deletes the buffer; a second call does nothing. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      if (open != null) {
        open.closeFiles();
      }
      if (unseen != null) {
        unseen.store().closeFiles();
      }
      ring.close();
      StoreFolder.delete(folder.resolve(HELD_OUT));
    } finally {
      lock.giveUp();
    }
  }
}
